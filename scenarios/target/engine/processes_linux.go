// SPDX-License-Identifier: MIT OR Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target/program"
)

// monitors returns the processes that an engine keeps for a container, whose ID they
// have among their arguments: podman's conmon, containerd's shim. The first process
// of the container is a child of theirs. Another argument of theirs finds others.
func monitors(id string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking for the container's monitor: %w", err)
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// It is empty for one that has ended and was not waited for.
		cmdline, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && slices.Contains(strings.Split(string(cmdline), "\x00"), id) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// errElsewhere: the container's processes are not in sight.
var errElsewhere = errors.New("the engine's processes are not on this host, or not this user's to see")

// inside says whether a process is in a PID namespace below this one's, which every
// container has: proc_pid_status(5), NSpid. A monitor has other children too: podman's
// runs "podman container cleanup" after each exec.
func inside(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, ids, _ := strings.Cut(string(status), "\nNSpid:")
	ids, _, _ = strings.Cut(ids, "\n")
	return len(strings.Fields(ids)) > 1
}

func processes(id string) ([]hypervisor.Process, error) {
	found, err := monitors(id)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, monitor := range found {
		pids = append(pids, host.Descendants(monitor)...)
	}
	slices.Sort(pids)
	out, err := program.Memory(slices.Compact(pids), func(pid int) string {
		if inside(pid) {
			return "container"
		}
		return "monitor"
	})
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, errElsewhere
	}
	return out, nil
}

// poll is how often the end of the monitors is looked for. They are no children of
// the lab.
const poll = 5 * time.Millisecond

// waitGone waits for the end of a container's monitors, which end after it.
func waitGone(ctx context.Context, id string) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		left, err := monitors(id)
		if err != nil || len(left) == 0 {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
