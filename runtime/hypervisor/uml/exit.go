// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"

	"arcbox.dev/runtime/hypervisor"
)

var (
	panicMark  = []byte("Kernel panic - not syncing: ")
	powerMark  = []byte("reboot: Power down")
	haltMark   = []byte("reboot: System halted")
	rebootMark = []byte("reboot: Restarting system")
)

// classify says how a guest ended, from the last of its console and the status of
// the kernel process. killed tells that we ended it.
func classify(console []byte, state *os.ProcessState, killed bool) hypervisor.Exit {
	if i := bytes.LastIndex(console, panicMark); i >= 0 {
		return hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: line(console[i+len(panicMark):])}
	}
	if killed {
		return hypervisor.Exit{Reason: hypervisor.ExitKilled}
	}
	off := max(bytes.LastIndex(console, powerMark), bytes.LastIndex(console, haltMark))
	reboot := bytes.LastIndex(console, rebootMark)
	switch {
	case reboot > off:
		return hypervisor.Exit{Reason: hypervisor.ExitReboot}
	case off >= 0:
		return hypervisor.Exit{Reason: hypervisor.ExitPowerOff}
	}
	detail := "the kernel process ended"
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		detail = fmt.Sprintf("the kernel process was ended by signal %d (%v)", ws.Signal(), ws.Signal())
	} else if state != nil && state.ExitCode() != 0 {
		detail = fmt.Sprintf("the kernel process exited with status %d", state.ExitCode())
	}
	if last := lastLine(console); last != "" {
		detail += "; its last line: " + last
	}
	return hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: detail}
}

// line returns the first line of b, without what a terminal would act on.
func line(b []byte) string {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	const most = 200
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.TrimSpace(string(b)))
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

func lastLine(b []byte) string {
	b = bytes.TrimSpace(b)
	return line(b[bytes.LastIndexByte(b, '\n')+1:])
}
