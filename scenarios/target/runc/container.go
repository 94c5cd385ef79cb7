// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package runc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
)

// container is a container as an instance.
type container struct {
	id      string
	program string // the runtime's path
	state   string // the runtime's folder for the state of containers
	dir     string // its own folder, which says that it exists
	pid     int    // of its first process, as the host has it
	stopped bool
}

// container returns the container of that name in a private folder, whether it exists or not.
func (t *Target) container(folder, id string) *container {
	return &container{
		id: id, program: t.program, state: filepath.Join(folder, stateName), dir: filepath.Join(folder, instancesName, id),
	}
}

func (c *container) log() string     { return filepath.Join(c.dir, "log") }
func (c *container) pidFile() string { return filepath.Join(c.dir, "pid") }

// run runs a command of the runtime. What the runtime has to say is in its log: its
// output is also that of the processes in the container.
func (c *container) run(ctx context.Context, args ...string) (client.Status, error) {
	args = append([]string{"--root", c.state, "--log", c.log(), "--log-format", "json"}, args...)
	command := program.Command{Path: c.program, Args: args, Silent: true}
	result, err := command.Run(ctx)
	if err != nil || result.Status == (client.Status{}) {
		return result.Status, err
	}
	words := lastError(c.log())
	if err := os.Remove(c.log()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return client.Status{}, fmt.Errorf("running %s: %w", command, err)
	}
	if words != "" {
		result.Words = words
		return client.Status{}, fmt.Errorf("running %s: %s", command, result)
	}
	return result.Status, nil
}

// must is run for a command that is to end with status 0 and must not be broken off.
func (c *container) must(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	status, err := c.run(ctx, args...)
	if err == nil && status != (client.Status{}) {
		err = fmt.Errorf("running %s %s: %s", filepath.Base(c.program), args[0], program.Result{Status: status})
	}
	return err
}

func (c *container) start(ctx context.Context, bundle string) error {
	if err := c.must(ctx, "run", "--detach", "--bundle", bundle, "--pid-file", c.pidFile(), c.id); err != nil {
		return err
	}
	text, err := os.ReadFile(c.pidFile())
	if err == nil {
		c.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return fmt.Errorf("finding the container's process: %w", err)
	}
	return nil
}

// Tool is in the root of the container.
func (c *container) Tool() string { return rootfs.Tool }

// Exec runs a process in the container. The runtime's status is the process's own:
// 128 and its number if a signal ended it.
func (c *container) Exec(ctx context.Context, args ...string) (client.Status, error) {
	status, err := c.run(ctx, append([]string{"exec", c.id}, args...)...)
	return program.Unshell(status), err
}

// Processes are those in the container: the runtime itself has ended.
func (c *container) Processes(ctx context.Context) ([]hypervisor.Process, error) {
	out, err := program.Command{Path: c.program, Args: []string{"--root", c.state, "ps", "--format", "json", c.id}}.Output(ctx)
	if err != nil {
		return nil, err
	}
	var pids []int
	if err := json.Unmarshal([]byte(out), &pids); err != nil {
		return nil, fmt.Errorf("reading the container's processes: %w", err)
	}
	return program.Memory(pids, func(int) string { return "container" })
}

// Stop has the first process end, and with it all others, and deletes the container.
func (c *container) Stop(ctx context.Context) error {
	if err := c.must(ctx, "kill", c.id, "TERM"); err != nil {
		return err
	}
	if err := waitGone(ctx, c.pid); err != nil {
		return fmt.Errorf("waiting for the container's end: %w", err)
	}
	if err := c.must(ctx, "delete", c.id); err != nil {
		return err
	}
	c.stopped = true
	return nil
}

// Close deletes the container, if it was not stopped, and its folder.
func (c *container) Close() error {
	if !c.stopped {
		if err := c.must(context.Background(), "delete", "--force", c.id); err != nil {
			return err
		}
		c.stopped = true
	}
	return os.RemoveAll(c.dir)
}

// poll is how often the end of a process is looked for. It is no child of the lab.
const poll = time.Millisecond

// waitGone waits for the end of a process. The first one of a PID namespace ends
// after all others in it (pid_namespaces(7)).
func waitGone(ctx context.Context, pid int) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		// One that has ended and that its parent has not asked for yet is a zombie (proc_pid_stat(5)).
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lastError returns the last error in a runtime's log, which is a line of JSON each.
func lastError(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "" // it had nothing to say
	}
	defer f.Close()
	last := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var entry struct{ Level, Msg string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && (entry.Level == "error" || entry.Level == "fatal") {
			last = entry.Msg
		}
	}
	return program.Printable(last)
}
