// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"fmt"
	"os"
	"syscall"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
)

// classify says how a guest ended, from the last of its console and the status of
// the kernel process. killed tells that we ended it; a panic before that is still
// the guest's own end.
func classify(text []byte, state *os.ProcessState, killed bool) hypervisor.Exit {
	exit, told := console.Verdict(text)
	switch {
	case told && (exit.Reason == hypervisor.ExitPanic || !killed):
		return exit
	case killed:
		return hypervisor.Exit{Reason: hypervisor.ExitKilled}
	}
	detail := "the kernel process ended"
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		detail = fmt.Sprintf("the kernel process was ended by signal %d (%v)", ws.Signal(), ws.Signal())
	} else if state != nil && state.ExitCode() != 0 {
		detail = fmt.Sprintf("the kernel process exited with status %d", state.ExitCode())
	}
	if last := console.LastLine(text); last != "" {
		detail += "; its last line: " + last
	}
	return hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: detail}
}
