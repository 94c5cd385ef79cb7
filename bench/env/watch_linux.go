// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuFolders holds a folder a CPU.
const cpuFolders = "/sys/devices/system/cpu"

func read() reading {
	r := clocks()
	r.lab = ownCPU()
	if c, err := readCounters(); err == nil {
		r.cpus = c.cpus
		r.idle, r.stolen = time.Duration(c.idle)*tick, time.Duration(c.steal)*tick
		r.swapped = c.swap
	}
	// Cores and packages count apart; what is shared by several CPUs is counted
	// more than once, which does not matter to whether it grew.
	r.throttled = sum("cpu[0-9]*/thermal_throttle/*_throttle_count")
	r.speed = sum("cpu[0-9]*/cpufreq/scaling_max_freq")
	return r
}

// clocks reads the clocks as near to one moment as it can.
func clocks() reading {
	var best reading
	width := time.Duration(-1)
	// A thread that is set aside between two of them is at it again.
	for range 5 {
		before := clock(unix.CLOCK_MONOTONIC)
		r := reading{mono: before, boot: clock(unix.CLOCK_BOOTTIME), wall: clock(unix.CLOCK_REALTIME)}
		between := clock(unix.CLOCK_MONOTONIC) - before
		if width < 0 || between < width {
			best, width = r, between
		}
		if width < time.Millisecond {
			break
		}
	}
	return best
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t) // these clocks are always there
	return time.Duration(t.Nano())
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // fails for a bad argument alone
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sum adds up the numbers in the files of the CPUs that match, as far as there are any.
func sum(pattern string) uint64 {
	var total uint64
	for _, text := range perCPU(pattern) {
		n, _ := strconv.ParseUint(text, 10, 64)
		total += n
	}
	return total
}

// governor names how the CPUs' speed is chosen: "performance", or "" where the
// kernel does not tell.
func governor() string {
	names := perCPU("cpu[0-9]*/cpufreq/scaling_governor")
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "/")
}

// perCPU reads the files of the CPUs that match, without the space around.
func perCPU(pattern string) []string {
	paths, _ := filepath.Glob(filepath.Join(cpuFolders, pattern)) // the pattern is well formed
	var out []string
	for _, path := range paths {
		if b, err := os.ReadFile(path); err == nil {
			out = append(out, strings.TrimSpace(string(b)))
		}
	}
	return out
}
