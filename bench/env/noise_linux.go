// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

func readCounters() (counters, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return counters{}, err
	}
	c, err := cpuTotals(stat)
	if err != nil {
		return counters{}, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return counters{}, err
	}
	first, _, _ := strings.Cut(string(load), " ")
	if c.load1, err = strconv.ParseFloat(first, 64); err != nil {
		return counters{}, fmt.Errorf("parsing /proc/loadavg: %w", err)
	}
	// A kernel without swap has no such counters.
	if vmstat, err := os.ReadFile("/proc/vmstat"); err == nil {
		f := fields(vmstat, " ")
		for _, key := range []string{"pswpin", "pswpout"} {
			pages, _ := strconv.ParseUint(f[key], 10, 64) // absent is zero
			c.swap += pages
		}
	}
	return c, nil
}

// The columns of the "cpu" line of /proc/stat, see proc_stat(5). Guest time is part
// of user time already.
const (
	colIdle   = 3
	colIOWait = 4
	colSteal  = 7
	columns   = 8
)

// cpuTotals reads the sum over all CPUs in /proc/stat, and how many there are.
func cpuTotals(stat []byte) (counters, error) {
	line, rest, _ := strings.Cut(string(stat), "\n")
	f := strings.Fields(line)
	if len(f) < 1+columns || f[0] != "cpu" {
		return counters{}, fmt.Errorf("parsing /proc/stat: first line is %q", line)
	}
	var c counters
	for i := range columns {
		ticks, err := strconv.ParseUint(f[1+i], 10, 64)
		if err != nil {
			return counters{}, fmt.Errorf("parsing /proc/stat: %w", err)
		}
		c.total += ticks
		switch i {
		case colIdle, colIOWait:
			c.idle += ticks
		case colSteal:
			c.steal += ticks
		}
	}
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "cpu") {
			break
		}
		c.cpus++
	}
	return c, nil
}
