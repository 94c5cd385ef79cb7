// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"arcbox.dev/runtime/hypervisor/life"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"arcbox.dev/runtime/hypervisor/host"
	"golang.org/x/sys/unix"
)

// Pause stops the kernel process first, and then whichever of its traced processes
// runs guest code.
//
// A traced process must not see SIGSTOP: UML takes an unexpected stop for a fault.
// SIGALRM is what UML itself uses to get a process back from guest code
// (arch/um/os-Linux/skas), and it stops there until its tracer, which is stopped,
// goes on.
func (m *machine) Pause(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.signalLocked(unix.SIGSTOP); err != nil {
		return fmt.Errorf("pausing: %w", err)
	}
	main := m.proc.cmd.Process.Pid
	for {
		running := 0
		for i, pid := range host.Descendants(main) {
			switch state(pid) {
			case "R", "S", "D":
				running++
				if i > 0 && traced(pid, main) {
					unix.Kill(pid, unix.SIGALRM)
				} else if i > 0 {
					running-- // a helper that shares the kernel's memory and waits for host I/O
				}
			}
		}
		if running == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("pausing: %d processes still run: %w", running, context.Cause(ctx))
		case <-m.Done():
			return life.ErrNotRunning
		case <-time.After(time.Millisecond):
		}
	}
}

// Resume lets the kernel process go on.
func (m *machine) Resume(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.signalLocked(unix.SIGCONT); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	return nil
}

func (m *machine) signalLocked(sig unix.Signal) error {
	if !m.Running() {
		return life.ErrNotRunning
	}
	return m.proc.cmd.Process.Signal(sig)
}

// state returns the process's state letter (proc(5), /proc/PID/stat), or "".
func state(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, ok := strings.Cut(string(b[strings.LastIndexByte(string(b), ')')+1:]), " ")
	if !ok || after == "" {
		return ""
	}
	return after[:1]
}

// traced tells whether tracer traces pid.
func traced(pid, tracer int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(b), "TracerPid:\t")
	line, _, _ := strings.Cut(after, "\n")
	return line == fmt.Sprint(tracer)
}
