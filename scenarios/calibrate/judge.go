// SPDX-License-Identifier: MIT OR Apache-2.0

package calibrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
	"arcbox.dev/scenarios/compare"
)

// Rate is how often the gate was wrong on one variant.
type Rate struct {
	Benchmark string // without the label of the side
	Unit      string // the main one
	Variant   Variant
	Pairs     int            // of each round
	Measured  float64        // change of the unit's median over all trials
	Trials    int            // of two rounds each
	Suspected int            // trials whose first round alone would have failed
	Wrong     int            // false alarms, or misses in the main unit
	Chance    stats.Estimate // of a wrong verdict
}

// ErrTooFew: there are not enough samples for a single trial.
var ErrTooFew = errors.New("not enough samples for one trial")

// Judge holds the trials that the samples are enough for, with so many pairs a round.
// Their rounds are the runs' own; what is left over at the end is not judged.
func Judge(samples []record.Sample, units []record.Unit, pairs int) ([]Rate, error) {
	if pairs < 1 {
		return nil, fmt.Errorf("judging: %d pairs a round", pairs)
	}
	var names []string
	groups := map[string][]record.Sample{}
	for _, s := range samples {
		name := strings.Replace(s.Name, sideOf(s.Label(gate.Label)), "", 1)
		if groups[name] == nil {
			names = append(names, name)
		}
		groups[name] = append(groups[name], s)
	}
	slices.Sort(names)
	var rates []Rate
	for _, name := range names {
		trials, err := trialsOf(groups[name], pairs)
		if err != nil {
			return nil, fmt.Errorf("judging %s: %w", name, err)
		}
		for _, v := range Variants {
			r := Rate{Benchmark: name, Unit: groups[name][0].Values[0].Unit, Variant: v, Pairs: pairs}
			if r.judge(trials, units) {
				rates = append(rates, r)
			}
		}
	}
	if len(rates) == 0 {
		return nil, ErrTooFew
	}
	return rates, nil
}

// sideOf is how a side shows in a benchmark's name.
func sideOf(label string) string { return "/" + gate.Label + "=" + label }

// trial is the samples of its two rounds.
type trial [2][]record.Sample

// trialsOf cuts the samples of one benchmark into trials by their round numbers.
func trialsOf(samples []record.Sample, pairs int) ([]trial, error) {
	place := map[int]int{} // of each round among all
	for _, s := range samples {
		if s.Round < 1 {
			return nil, errors.New("a sample tells no round: it is not of a calibration")
		}
		place[s.Round] = 0
	}
	for i, round := range slices.Sorted(maps.Keys(place)) {
		place[round] = i
	}
	trials := make([]trial, len(place)/(2*pairs))
	for _, s := range samples {
		block := place[s.Round] / pairs
		if block/2 < len(trials) {
			half := &trials[block/2][block%2]
			*half = append(*half, s)
		}
	}
	if len(trials) == 0 {
		return nil, fmt.Errorf("%w: %d rounds, a trial has two times %d", ErrTooFew, len(place), pairs)
	}
	return trials, nil
}

// judge holds the trials of one variant. It returns whether there are samples of it.
func (r *Rate) judge(trials []trial, units []record.Unit) bool {
	var old, new []float64
	for _, t := range trials {
		first, second := r.versus(t[0]), r.versus(t[1])
		for _, s := range slices.Concat(first, second) {
			value, ok := s.Value(r.Unit)
			switch {
			case !ok:
			case s.Label(gate.Label) == gate.Old:
				old = append(old, value)
			default:
				new = append(new, value)
			}
		}
		findings := gate.Judge(gate.Compare(first, units))
		suspected, final := gate.Failed(findings), compare.Confirm(findings, second, units)
		r.Trials++
		if suspected {
			r.Suspected++
		}
		if r.wrong(final) {
			r.Wrong++
		}
	}
	if len(old) == 0 || len(new) == 0 {
		return false
	}
	slices.Sort(old)
	slices.Sort(new)
	r.Measured = stats.Quantile(new, 0.5)/stats.Quantile(old, 0.5) - 1
	r.Chance = stats.Proportion(r.Wrong, r.Trials, stats.Confidence)
	return true
}

// versus returns the samples of base and variant, named as those of two revisions.
func (r *Rate) versus(samples []record.Sample) []record.Sample {
	var out []record.Sample
	for _, s := range samples {
		switch s.Label(gate.Label) {
		case gate.Old:
			out = append(out, s)
		case r.Variant.Label:
			s.Name = strings.Replace(s.Name, sideOf(r.Variant.Label), sideOf(gate.New), 1)
			out = append(out, s)
		}
	}
	return out
}

// wrong says whether a verdict is: any regression of the same code, or none of slower
// code in the unit that the slow-down was measured by.
func (r *Rate) wrong(findings []gate.Finding) bool {
	if r.Variant.Slowdown == 0 {
		return gate.Failed(findings)
	}
	return !slices.ContainsFunc(findings, func(f gate.Finding) bool {
		return f.Unit.Name == r.Unit && f.Verdict == gate.Regression
	})
}
