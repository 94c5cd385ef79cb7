// SPDX-License-Identifier: MIT OR Apache-2.0

// Package lineup finds out what of a suite can be measured here, and makes it ready:
// each target in a worker of its own, on one side, or on several, which are
// revisions of ArcBox to be compared.
package lineup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/worker"
)

// System is a target in the hands of one side's lab. A worker is one.
type System interface {
	runner.System
	// Check finds out whether the target can be measured; see target.Target.
	Check(ctx context.Context) error
	// Prepare does what is no part of any measurement.
	Prepare(ctx context.Context) (worker.Ready, error)
	// Close ends it.
	Close() error
}

// Side is a revision that is measured.
type Side struct {
	// Label is the value of the label "rev" in its benchmarks' names: "old". It is
	// empty where there is only one side.
	Label    string
	Revision string // as a person knows it: "849706bf8a27"
	// Start starts the revision's worker for a target, with VMs of the run's size.
	Start func(ctx context.Context, target string, run suite.Run) (System, error)
}

// prefix says whose a reason is, where there are several sides.
func (s Side) prefix() string {
	if s.Label == "" {
		return ""
	}
	return "revision " + s.Revision + ": "
}

// Lineup is what is measured: the same benchmarks on every side.
type Lineup struct {
	Units   []record.Unit  // of all benchmarks
	Systems []record.Label // the targets, and what exactly each side measures there
	LeftOut []string       // what is not measured, and why: one line each
	Broken  []string       // likewise, where a later side fails and the first one does not

	benchmarks []benchmark
	prepared   map[machine]prepared
	started    []System
}

// benchmark is a scenario on a target, on each side.
type benchmark struct {
	name  string // without the label of the side
	run   suite.Run
	sides []entrant
}

// entrant is a side's part in a benchmark.
type entrant struct {
	name   string // of the benchmark, with the label of the side
	system System
}

// Prepare starts and prepares the workers of all sides and finds what can be measured.
// The first side is the base. The runs name scenarios as the workers do ("ColdBoot").
// The caller closes the line-up.
func Prepare(ctx context.Context, sides []Side, runs []suite.Run, note func(string)) (*Lineup, error) {
	l := &Lineup{prepared: map[machine]prepared{}}
	for _, run := range runs {
		for _, name := range run.Targets {
			if err := l.add(ctx, sides, run, name, note); err != nil {
				return nil, errors.Join(err, l.Close())
			}
		}
	}
	if len(l.benchmarks) == 0 {
		return nil, errors.Join(l.nothing(sides[0]), l.Close())
	}
	return l, nil
}

// nothing says why there is nothing to compare.
func (l *Lineup) nothing(base Side) error {
	reasons := strings.Join(append(slices.Clone(l.Broken), l.LeftOut...), "; ")
	for m, p := range l.prepared {
		if base.Label == "" || m.side == base.Label && p.err == nil {
			return fmt.Errorf("nothing can be measured: %s", reasons)
		}
	}
	return fmt.Errorf("revision %s cannot be measured (it may be too old: compare with a later one): %s", base.Revision, reasons)
}

// Close ends the workers.
func (l *Lineup) Close() error {
	var errs []error
	for _, s := range l.started {
		errs = append(errs, s.Close())
	}
	l.started = nil
	return errors.Join(errs...)
}

// add lines up a scenario on a target. Only the end of ctx is an error.
func (l *Lineup) add(ctx context.Context, sides []Side, run suite.Run, name string, note func(string)) error {
	what := fmt.Sprintf("%s on %s is left out: ", run.Scenario, name)
	entrants := make([]prepared, len(sides))
	for i, side := range sides {
		p := l.prepare(ctx, side, run, name, note)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("preparing %s: %w", name, context.Cause(ctx))
		case p.err != nil && i > 0:
			l.Broken = append(l.Broken, what+fmt.Sprintf("it works in revision %s and not in %s: %v", sides[0].Revision, side.Revision, p.err))
			return nil
		case p.err != nil:
			l.LeftOut = append(l.LeftOut, what+side.prefix()+p.err.Error())
			return nil
		}
		entrants[i] = p
	}
	b, units, err := match(sides, entrants, run)
	if err == nil && slices.Contains(l.Benchmarks(), b.name) {
		err = fmt.Errorf("%s is there already", b.name)
	}
	if err != nil {
		l.LeftOut = append(l.LeftOut, what+err.Error())
		return nil
	}
	l.benchmarks = append(l.benchmarks, b)
	l.describe(name, sides, entrants, units)
	return nil
}

// prepared is a side's target, with the error that keeps it from being measured.
type prepared struct {
	worker.Ready
	system System
	err    error
}

// machine is what a worker has: scenarios that agree on it share one.
type machine struct {
	side, target string
	cpus         int
	memory       uint64 // bytes
	counted      bool
}

// prepare starts and prepares a side's worker, unless that was done.
func (l *Lineup) prepare(ctx context.Context, side Side, run suite.Run, name string, note func(string)) prepared {
	m := machine{side.Label, name, run.CPUs, run.Memory, run.Counted}
	if p, ok := l.prepared[m]; ok {
		return p
	}
	if side.Label == "" {
		note("preparing " + name)
	} else {
		note(fmt.Sprintf("preparing %s of revision %s (%s)", name, side.Revision, side.Label))
	}
	var p prepared
	if p.system, p.err = side.Start(ctx, name, run); p.err == nil {
		l.started = append(l.started, p.system)
		p.err = p.system.Check(ctx)
	}
	if p.err == nil {
		p.Ready, p.err = p.system.Prepare(ctx)
	}
	l.prepared[m] = p
	return p
}

// match finds the scenario on every side and says why the sides cannot be compared,
// if so. The units are the last side's: what matters is for the new revision to say.
func match(sides []Side, entrants []prepared, run suite.Run) (b benchmark, units []record.Unit, err error) {
	b.run = run
	var base worker.Described
	for i, side := range sides {
		labels := entrants[i].Labels
		at := slices.IndexFunc(entrants[i].Scenarios, func(d worker.Described) bool { return d.Name == run.Scenario })
		if at < 0 {
			return b, nil, errors.New(side.prefix() + "it does not know the scenario")
		}
		d := entrants[i].Scenarios[at]
		if i == 0 {
			base = d
		}
		switch {
		case d.Refusal != "":
			return b, nil, errors.New(side.prefix() + d.Refusal)
		case d.Version != base.Version:
			return b, nil, fmt.Errorf("it measures something else since: version %d in revision %s, %d in %s", base.Version, sides[0].Revision, d.Version, side.Revision)
		case !slices.Equal(labels, entrants[0].Labels):
			return b, nil, fmt.Errorf("the targets differ: %v in revision %s, %v in %s", entrants[0].Labels, sides[0].Revision, labels, side.Revision)
		}
		labels = append(slices.Clone(labels), size(run)...)
		if b.name, err = record.Name(d.Name, labels...); err != nil {
			return b, nil, err
		}
		if side.Label != "" {
			labels = append(labels, record.Label{Key: gate.Label, Value: side.Label})
		}
		name, err := record.Name(d.Name, labels...)
		if err != nil {
			return b, nil, err
		}
		b.sides, units = append(b.sides, entrant{name, entrants[i].system}), d.Units
	}
	return b, units, nil
}

// size tells VMs apart that are not of the usual size.
func size(run suite.Run) (labels []record.Label) {
	if run.CPUs != suite.DefaultCPUs {
		labels = append(labels, record.Label{Key: "cpus", Value: strconv.Itoa(run.CPUs)})
	}
	if run.Memory != suite.DefaultMemory {
		labels = append(labels, record.Label{Key: "memory", Value: strconv.FormatUint(run.Memory>>20, 10) + "MiB"})
	}
	return labels
}

// describe keeps what the record says of a target that takes part.
func (l *Lineup) describe(name string, sides []Side, entrants []prepared, units []record.Unit) {
	for _, u := range units {
		if !slices.ContainsFunc(l.Units, func(known record.Unit) bool { return known.Name == u.Name }) {
			l.Units = append(l.Units, u)
		}
	}
	for i, side := range sides {
		label := record.Label{Key: SystemKey(name, side), Value: entrants[i].Version}
		if !slices.ContainsFunc(l.Systems, func(known record.Label) bool { return known.Key == label.Key }) {
			l.Systems = append(l.Systems, label)
		}
	}
}

// SystemKey is the key among Systems of a target on a side.
func SystemKey(target string, side Side) string {
	key := strings.ReplaceAll(target, ":", "-")
	if side.Label != "" {
		key += "-" + side.Label
	}
	return key
}

// Benchmarks returns the names of what is measured, without the label of the side.
func (l *Lineup) Benchmarks() []string {
	names := make([]string, len(l.benchmarks))
	for i, b := range l.benchmarks {
		names[i] = b.name
	}
	return names
}

// Jobs returns the runner's jobs for the named benchmarks, or for all where names is nil.
func (l *Lineup) Jobs(names []string) []runner.Job {
	var jobs []runner.Job
	for _, b := range l.benchmarks {
		if names != nil && !slices.Contains(names, b.name) {
			continue
		}
		pair := b.name
		if len(b.sides) == 1 {
			pair = ""
		}
		for _, e := range b.sides {
			jobs = append(jobs, runner.Job{
				Name: e.name, System: e.system, Scenario: b.run.Scenario, Pair: pair,
				Count: b.run.Count, Warmup: b.run.Warmup, Limit: b.run.Limit,
			})
		}
	}
	return jobs
}
