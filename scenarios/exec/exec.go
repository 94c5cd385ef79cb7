// SPDX-License-Identifier: MIT OR Apache-2.0

// Package exec measures how long a process takes in a system that runs: from the
// request on the host to its exit status there.
package exec

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
	"arcbox.dev/scenarios/target"
)

// What one sample is by default: so many processes one after another, in not much
// more than that time.
const (
	DefaultProcesses = 200
	DefaultLimit     = 10 * time.Second
)

const (
	warmup = 10 // processes that are not counted: they fill caches on both sides
	least  = 20 // processes that are counted, however long they take
)

// Scenario runs the lab's tool, which ends at once, again and again in one instance.
type Scenario struct {
	Processes int           // 0 is DefaultProcesses
	Limit     time.Duration // after which a sample ends early; 0 is DefaultLimit
}

// The units of a sample. The 99th percentile of 200 is their third longest.
const (
	p50Unit   = "exec_p50-ns"
	p99Unit   = "exec_p99-ns"
	meanUnit  = "exec_mean-ns"
	countUnit = "exec-count" // processes that were measured
)

// Name returns "Exec".
func (Scenario) Name() string { return "Exec" }

// Version returns 1.
func (Scenario) Version() int { return 1 }

// Units returns quantiles and the mean. The gate judges the median, and the 99th
// percentile where it grows by a quarter: that much chance there is in the few
// values above it. The mean follows whichever of them moved.
func (Scenario) Units() []record.Unit {
	return []record.Unit{
		{Name: p50Unit, Better: "lower", Floor: 0.05, Slack: float64(50 * time.Microsecond)},
		{Name: p99Unit, Better: "lower", Floor: 0.25, Slack: float64(500 * time.Microsecond)},
		{Name: meanUnit, Better: "lower"},
		{Name: countUnit, Better: "higher"},
	}
}

// Check wants a target in which processes can be run.
func (Scenario) Check(t target.Target) error { return target.CheckStarts(t) }

// Run starts an instance and runs the processes in it.
func (s Scenario) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	instance, err := target.StartOn(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}
	return target.Sample(instance, func() ([]record.Value, error) {
		for range warmup {
			if _, err := one(ctx, instance); err != nil {
				return nil, err
			}
		}
		took, err := s.series(ctx, instance)
		if err != nil {
			return nil, err
		}
		return valuesOf(took), nil
	})
}

// series returns how long each process took, in nanoseconds.
func (s Scenario) series(ctx context.Context, i target.Instance) ([]float64, error) {
	var took []float64
	end := time.Now().Add(cmp.Or(s.Limit, DefaultLimit))
	for len(took) < cmp.Or(s.Processes, DefaultProcesses) && (len(took) < least || time.Now().Before(end)) {
		d, err := one(ctx, i)
		if err != nil {
			return nil, err
		}
		took = append(took, float64(d))
	}
	return took, nil
}

// one runs one process.
func one(ctx context.Context, i target.Instance) (time.Duration, error) {
	begun := time.Now()
	if err := target.RunTool(ctx, i); err != nil {
		return 0, fmt.Errorf("running a process: %w", err)
	}
	return time.Since(begun), nil
}

// valuesOf sums up a series of at least one.
func valuesOf(took []float64) []record.Value {
	slices.Sort(took)
	var sum float64
	for _, t := range took {
		sum += t
	}
	return []record.Value{
		{Value: stats.Quantile(took, 0.50), Unit: p50Unit},
		{Value: stats.Quantile(took, 0.99), Unit: p99Unit},
		{Value: sum / float64(len(took)), Unit: meanUnit},
		{Value: float64(len(took)), Unit: countUnit},
	}
}
