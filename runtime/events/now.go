// SPDX-License-Identifier: MIT OR Apache-2.0

package events

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now returns the host's CLOCK_MONOTONIC.
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // only an invalid clock or address fails
	}
	return time.Duration(ts.Nano())
}
