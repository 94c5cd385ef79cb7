// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"arcbox.dev/runtime/hypervisor"
)

// What Linux writes when it ends (kernel/panic.c, kernel/reboot.c).
var (
	panicMark  = []byte("Kernel panic - not syncing: ")
	powerMark  = []byte("reboot: Power down")
	haltMark   = []byte("reboot: System halted")
	rebootMark = []byte("reboot: Restarting system")
)

// Verdict says how a guest ended as far as its console tells: by a panic, a power
// off (a halt is one, too) or a reboot. A panic outweighs what came after it, since
// a kernel may be told to restart on a panic.
func Verdict(text []byte) (hypervisor.Exit, bool) {
	if i := bytes.LastIndex(text, panicMark); i >= 0 {
		return hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: line(text[i+len(panicMark):])}, true
	}
	off := max(bytes.LastIndex(text, powerMark), bytes.LastIndex(text, haltMark))
	reboot := bytes.LastIndex(text, rebootMark)
	switch {
	case reboot > off:
		return hypervisor.Exit{Reason: hypervisor.ExitReboot}, true
	case off >= 0:
		return hypervisor.Exit{Reason: hypervisor.ExitPowerOff}, true
	}
	return hypervisor.Exit{}, false
}

// LastLine returns the last line of text that is not empty, without what a terminal
// would act on and cut to a length that fits an error.
func LastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	return line(text[bytes.LastIndexByte(text, '\n')+1:])
}

// line returns the first line of b, likewise.
func line(b []byte) string {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		b = b[:i]
	}
	const most = 200 // bytes
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, strings.TrimSpace(string(b)))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
