// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package worker

import (
	"syscall"
	"time"
)

// usedCPU is the CPU time so far of this process and of those that it waited for.
func usedCPU() time.Duration {
	var used time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u) // fails for a bad argument alone
		used += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return used
}
