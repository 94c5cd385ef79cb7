// SPDX-License-Identifier: MIT OR Apache-2.0

// Package calibrate finds out how often the gate is wrong on this machine.
//
// It measures builds of the same code, some of them with a slow-down planted whose
// size is known, interleaved as a comparison does. The samples are cut into
// consecutive blocks that do not overlap, and two blocks in a row are one trial: the
// two rounds of a real gate on real samples, with all that the machine did meanwhile
// in them. A trial of the same code that fails is a false alarm, one of slower code
// that passes is a miss.
package calibrate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/revision"
	"arcbox.dev/scenarios/runner"
)

// Variant is a build that is measured against the base, which is one of the same code
// with the label gate.Old.
type Variant struct {
	Label    string  // value of the label "rev" in its benchmarks' names
	Slowdown float64 // that is planted in it, as a part of the base's median
	Aim      float64 // the share of wrong verdicts that is aimed at; 0 is none
}

// Variants are what a calibration measures. A change of 5 % is the smallest that the
// gate looks for, so that it may go either way.
var Variants = []Variant{
	{"same", 0, 0.01},
	{"slow5", 0.05, 0},
	{"slow10", 0.10, 0.05},
}

// places are where a slow-down of a scenario is planted, by the scenario's name: in
// the host's part of what its main unit measures.
var places = map[string]revision.Plant{
	"ColdBoot": {Package: "arcbox.dev/runtime/core", Func: "(*Runtime).Boot"},
	"Exec":     {Package: "arcbox.dev/guest/client", Func: "(*Client).Start"},
}

// PlantIn returns the plant that slows a scenario down by so much. It computes, as
// code that became slower does: a sleep is as long as the system's timers have it.
func PlantIn(scenario string, slower time.Duration) (revision.Plant, error) {
	p, ok := places[scenario]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(places)), ", ")
		return p, fmt.Errorf("there is no place to plant a slow-down of %s in (there is for %s)", scenario, known)
	}
	p.Statement = fmt.Sprintf("for planted := time.Now(); time.Since(planted) < %d*time.Nanosecond; {}", slower.Nanoseconds())
	return p, nil
}

// Settings are those of a calibration.
type Settings struct {
	Trials      int    // of each variant
	Pairs       int    // of each of a trial's two rounds
	Seed        uint64 // of the order of the samples
	MaxFailures int    // in a row, before it is ended; at least 1
}

// Measure takes the samples of all trials. The line-up's sides are the base and the
// variants. What was measured before an error is in the sink all the same.
func Measure(ctx context.Context, l *lineup.Lineup, s Settings, sink runner.Sink, progress runner.Progress) ([]record.Sample, error) {
	var samples []record.Sample
	blocks := 2 * s.Trials
	shown := &series{Progress: progress, blocks: blocks}
	defer progress.Finish()
	for block := range blocks {
		plan := runner.Plan{
			Jobs: l.Jobs(nil), Seed: s.Seed + uint64(block/2), Mirror: block%2 == 1,
			MaxFailures: s.MaxFailures, FirstRound: block*s.Pairs + 1,
		}
		for i := range plan.Jobs {
			plan.Jobs[i].Count = s.Pairs
			if block > 0 {
				plan.Jobs[i].Warmup = 0
			}
		}
		result, err := runner.Run(ctx, plan, sink, shown)
		samples = append(samples, result.Samples...)
		if err == nil && len(result.GivenUp) > 0 {
			err = fmt.Errorf("measuring: %s failed too often", result.GivenUp[0])
		}
		if err != nil {
			return samples, err
		}
		shown.ended()
	}
	return samples, nil
}

// Median measures the line-up's only benchmark so often and returns the median of its
// main unit, which is a time.
func Median(ctx context.Context, l *lineup.Lineup, count int, maxFailures int, progress runner.Progress) (time.Duration, error) {
	plan := runner.Plan{Jobs: l.Jobs(nil), MaxFailures: maxFailures}
	for i := range plan.Jobs {
		plan.Jobs[i].Count = count
	}
	result, err := runner.Run(ctx, plan, nowhere{}, progress)
	if err != nil {
		return 0, err
	}
	var values []float64
	for _, s := range result.Samples {
		values = append(values, s.Values[0].Value)
	}
	sum, err := stats.Summarize(values)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("measuring the median: %w", err), firstFailure(result))
	}
	return time.Duration(sum.Median), nil
}

func firstFailure(r runner.Result) error {
	if len(r.Failures) == 0 {
		return nil
	}
	return r.Failures[0].Err
}

// nowhere keeps no sample.
type nowhere struct{}

func (nowhere) Write(record.Sample) error { return nil }
func (nowhere) Note(string) error         { return nil }

// Sides returns the labels of a calibration's builds, the base first.
func Sides() []string {
	labels := []string{gate.Old}
	for _, v := range Variants {
		labels = append(labels, v.Label)
	}
	return labels
}
