// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// limitHurry sees to it that, whatever happens, no thread keeps a CPU at real-time priority for more than a second:
// the kernel ends the program first (RLIMIT_RTTIME, setrlimit(2), in µs).
func limitHurry() error {
	const second = 1_000_000
	if err := unix.Setrlimit(unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: second, Max: second}); err != nil {
		return fmt.Errorf("limiting real-time priority: %w", err)
	}
	return nil
}

// pin puts the calling thread on one CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("moving to CPU %d: %w", cpu, err)
	}
	return nil
}

// hurry gives the calling thread real-time priority where that is permitted: the lowest, and round-robin, so that two
// programs that do so share the CPUs rather than wait for each other with one CPU each.
func hurry() error {
	err := unix.SchedSetAttr(0, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_RR,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
		Priority: 1,
	}, 0)
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("taking real-time priority: %w", err)
	}
	return nil
}
