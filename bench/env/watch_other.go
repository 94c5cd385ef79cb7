// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package env

import "time"

// started is an origin for the monotonic clock.
var started = time.Now()

// read has the clocks alone: what other processes use is told here only to
// programs with C in them. A sleep shows as a jump of the wall clock.
func read() reading {
	now := time.Now()
	mono := now.Sub(started)
	return reading{mono: mono, boot: mono, wall: time.Duration(now.UnixNano())}
}

func governor() string { return "" }
