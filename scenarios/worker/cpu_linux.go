// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/hypervisor/host"
)

// usedCPU is the CPU time so far of this process and of all below it: those that
// were waited for, those that their parents left to the guard, and those that still run.
func usedCPU() time.Duration {
	self := os.Getpid()
	root := self
	if os.Getenv(envRole) == roleServe {
		root = os.Getppid() // the guard
	}
	var used time.Duration
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		_ = unix.Getrusage(who, &u) // fails for a bad argument alone
		used += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for _, pid := range host.Descendants(root) {
		if pid == self {
			continue
		}
		// One that has just gone is in its parent's time.
		if t, err := processCPU(pid); err == nil {
			used += t
		}
	}
	return used
}

// processCPU reads the CPU time of a process and of those that it waited for.
func processCPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseCPU(b)
}

// parseCPU reads utime, stime, cutime and cstime of proc_pid_stat(5): fields 14 to
// 17, in ticks of 10 ms. The name before them may have anything in it.
func parseCPU(stat []byte) (time.Duration, error) {
	const before = 11 // fields between the name and utime
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < before+4 {
		return 0, errors.New("parsing the CPU time of a process: too few fields")
	}
	var ticks int64
	for _, field := range f[before : before+4] {
		n, err := strconv.ParseInt(string(field), 10, 48)
		if err != nil {
			return 0, fmt.Errorf("parsing the CPU time of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}
