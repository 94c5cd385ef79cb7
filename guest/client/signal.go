// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"fmt"
	"strconv"
	"strings"
)

// Linux's signals by number (signal(7), x86 and ARM), whatever this host's are. The
// two before the first real-time signal are the C library's own.
var signalNames = [...]string{
	1: "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
	"STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
}

const (
	firstRealTime = 34
	lastSignal    = 64
)

// ParseSignal returns Linux's number of a signal given by number or by name:
// "15", "TERM", "sigterm", "RTMIN+3", "RTMAX-1".
func ParseSignal(text string) (int, error) {
	invalid := &Error{Kind: ErrInvalid, Text: fmt.Sprintf("signal %q does not exist", text)}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > lastSignal {
			return 0, invalid
		}
		return n, nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	for n, known := range signalNames {
		if n > 0 && name == known {
			return n, nil
		}
	}
	if n, ok := realTime(name); ok {
		return n, nil
	}
	return 0, invalid
}

// realTime reads RTMIN and RTMAX, and what is counted from them.
func realTime(name string) (int, bool) {
	n, offset := firstRealTime, ""
	if rest, ok := strings.CutPrefix(name, "RTMIN"); ok {
		offset = rest
	} else if rest, ok := strings.CutPrefix(name, "RTMAX"); ok {
		n, offset = lastSignal, rest
	} else {
		return 0, false
	}
	if offset != "" {
		d, err := strconv.Atoi(offset)
		if err != nil || offset[0] != '+' && offset[0] != '-' || d < -lastSignal || d > lastSignal {
			return 0, false
		}
		n += d
	}
	return n, n >= firstRealTime && n <= lastSignal
}
