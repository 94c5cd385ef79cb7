// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Above these a machine is too busy for its times to be trusted.
const (
	MaxBusy  = 0.10 // share of all CPUs that others use
	MaxSteal = 0.02 // share of all CPUs that the hypervisor below took away
	MaxSwap  = 100  // pages swapped a second
)

// Noise is what else went on on the host in a window of time in which the
// measuring process itself was idle.
type Noise struct {
	Load1 float64 // load average of the last minute
	Busy  float64 // share of all CPUs in use, 0 to 1
	Steal float64 // share of all CPUs that a hypervisor below took away, 0 to 1
	Swap  float64 // pages swapped in and out, a second
	// Governor is how the CPUs' speed is chosen; "" where that is not known.
	Governor string
}

// Measure watches the host for the window while the caller is idle.
func Measure(ctx context.Context, window time.Duration) (Noise, error) {
	before, err := readCounters()
	if err != nil {
		return Noise{}, fmt.Errorf("reading the host's counters: %w", err)
	}
	start := time.Now()
	timer := time.NewTimer(window)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Noise{}, fmt.Errorf("watching the host: %w", context.Cause(ctx))
	}
	after, err := readCounters()
	if err != nil {
		return Noise{}, fmt.Errorf("reading the host's counters: %w", err)
	}
	n := between(before, after, time.Since(start))
	n.Governor = governor()
	return n, nil
}

// Reasons says, one line each, why times taken now are not to be trusted. A quiet
// host gives none.
func (n Noise) Reasons() []string {
	var out []string
	if n.Busy > MaxBusy {
		out = append(out, fmt.Sprintf("other work uses %.0f %% of the CPUs", 100*n.Busy))
	}
	if n.Steal > MaxSteal {
		out = append(out, fmt.Sprintf("the hypervisor below takes %.0f %% of the CPUs", 100*n.Steal))
	}
	if n.Swap > MaxSwap {
		out = append(out, fmt.Sprintf("%.0f pages are swapped a second", n.Swap))
	}
	return out
}

// String is the record of a noise check: the verdict and the figures.
func (n Noise) String() string {
	verdict := "quiet"
	if reasons := n.Reasons(); len(reasons) > 0 {
		verdict = "disturbed: " + strings.Join(reasons, ", ")
	}
	figures := fmt.Sprintf("load %.2f, busy %.1f%%, steal %.1f%%, swap %.0f/s", n.Load1, 100*n.Busy, 100*n.Steal, n.Swap)
	if n.Governor != "" {
		figures += ", governor " + n.Governor
	}
	return verdict + " (" + figures + ")"
}

// counters are the host's totals at one moment.
type counters struct {
	load1              float64
	cpus               int    // that are online
	idle, steal, total uint64 // CPU time of all CPUs, in the kernel's ticks; a wait for a disk is idle too
	swap               uint64 // pages
}

// between works out the noise from two readings. Counters that jump back, as they
// do when a CPU goes offline, count as no activity.
func between(before, after counters, elapsed time.Duration) Noise {
	n := Noise{Load1: after.load1}
	if total := since(before.total, after.total); total > 0 {
		idle, steal := since(before.idle, after.idle), since(before.steal, after.steal)
		n.Busy = float64(since(idle+steal, total)) / float64(total)
		n.Steal = float64(steal) / float64(total)
	}
	if s := elapsed.Seconds(); s > 0 {
		n.Swap = float64(since(before.swap, after.swap)) / s
	}
	return n
}

func since(before, after uint64) uint64 {
	if after < before {
		return 0
	}
	return after - before
}
