// SPDX-License-Identifier: MIT OR Apache-2.0

// Package compare measures two revisions of ArcBox side by side, in one interleaved
// run, and judges what differs between them.
//
// Each revision's own lab measures its side: a worker of the old one and a worker
// of the new one for each target, both at hand all the time, take their samples in
// turns. The two samples of a round stand next to each other, in random order, so
// that whatever the machine does besides meets both alike. What looks like a change
// after a first round is measured in a second one, with the order swapped, and
// stands only if it is seen again.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/runner"
)

// Settings are those of a run.
type Settings struct {
	Seed        uint64 // of the order of the samples
	MaxFailures int    // in a row, before a benchmark is given up; at least 1
}

// Outcome is what a comparison found.
type Outcome struct {
	Findings []gate.Finding
	Suspects []string         // benchmarks that were measured in a second round
	Failures []runner.Failure // samples that could not be taken
	// Broken is what cannot be measured though it has to be: one line each.
	Broken []string
}

// ErrRegression: something became worse, and that was seen twice.
var ErrRegression = errors.New("regression")

// ErrBroken: something cannot be measured any more, so nothing is known of it.
var ErrBroken = errors.New("not all was measured")

// Err returns the verdict: nil where nothing became worse, as far as is known.
func (o Outcome) Err() error {
	var names []string
	worse := map[string][]string{} // units by benchmark
	for _, f := range o.Findings {
		if f.Verdict == gate.Regression {
			if worse[f.Name] == nil {
				names = append(names, f.Name)
			}
			worse[f.Name] = append(worse[f.Name], report.Name(f.Unit.Name))
		}
	}
	for i, name := range names {
		names[i] += " (" + strings.Join(worse[name], ", ") + ")"
	}
	switch {
	case len(names) > 0:
		return fmt.Errorf("%w: %s", ErrRegression, strings.Join(names, ", "))
	case len(o.Broken) > 0:
		return fmt.Errorf("%w: %s", ErrBroken, strings.Join(o.Broken, "; "))
	}
	return nil
}

// Run measures the line-up, judges, and measures again what looks changed. An error
// other than the end of ctx, such as a full disk, does not keep it from a verdict.
func Run(ctx context.Context, l *lineup.Lineup, s Settings, sink runner.Sink, progress runner.Progress) (Outcome, error) {
	o := Outcome{Broken: slices.Clone(l.Broken)}
	plan := runner.Plan{Jobs: l.Jobs(nil), Seed: s.Seed, MaxFailures: s.MaxFailures}
	first, err := runner.Run(ctx, plan, sink, progress)
	o.add(first)
	if ctx.Err() != nil {
		return o, err
	}
	o.Findings = gate.Judge(gate.Compare(first.Samples, l.Units))
	o.Suspects = gate.Suspects(o.Findings)
	if len(o.Suspects) == 0 {
		return o, err
	}
	for _, name := range o.Suspects {
		progress.Note(name + " looks changed: measuring it again, in the opposite order")
	}
	plan.Jobs, plan.Mirror, plan.FirstRound = l.Jobs(o.Suspects), true, lastRound(first.Samples)+1
	second, again := runner.Run(ctx, plan, sink, progress)
	o.add(second)
	err = errors.Join(err, again)
	if ctx.Err() != nil {
		o.Findings = nil // of half a second round no verdict follows
		return o, err
	}
	o.Findings = Confirm(o.Findings, second.Samples, l.Units)
	return o, err
}

// Confirm returns the findings of a first round as the samples of a second one
// confirm them.
func Confirm(first []gate.Finding, second []record.Sample, units []record.Unit) []gate.Finding {
	suspects := gate.Suspects(first)
	comparisons := slices.DeleteFunc(gate.Compare(second, units), func(c gate.Comparison) bool {
		return !slices.Contains(suspects, c.Name)
	})
	return gate.Confirm(first, gate.Judge(comparisons))
}

// add takes over what failed.
func (o *Outcome) add(r runner.Result) {
	o.Failures = append(o.Failures, r.Failures...)
	for _, name := range r.GivenUp {
		o.Broken = append(o.Broken, name+" is given up: it failed too often")
	}
}

func lastRound(samples []record.Sample) int {
	last := 0
	for _, s := range samples {
		last = max(last, s.Round)
	}
	return last
}
