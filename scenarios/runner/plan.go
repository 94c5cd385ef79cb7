// SPDX-License-Identifier: MIT OR Apache-2.0

// Package runner takes samples of several scenarios on several targets in one run.
//
// Targets are interleaved: each round takes one sample of every job, in an order
// drawn anew from the run's seed, so that whatever slowly changes on the machine
// meets all of them alike. A target that fails does not keep the others from being
// measured.
package runner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// Job is one scenario on one target, which is prepared.
type Job struct {
	Scenario scenario.Scenario
	Target   target.Target
}

// name returns the benchmark's name.
func (j Job) name() (string, error) { return record.Name(j.Scenario.Name(), j.Target.Labels()...) }

// Plan says what a run does.
type Plan struct {
	Jobs   []Job
	Count  int    // samples of each job
	Warmup int    // runs of each job before that, which are not recorded
	Seed   uint64 // of the order
	// Limit is how long one sample may take. A target that takes longer has failed.
	Limit time.Duration
	// MaxFailures is how many times in a row a job may fail before it is given up;
	// at least 1.
	MaxFailures int
}

// check finds the mistakes in a plan, before anything is run, and names the jobs.
func (p Plan) check() ([]string, error) {
	switch {
	case len(p.Jobs) == 0:
		return nil, fmt.Errorf("checking the plan: nothing to run")
	case p.Count < 1 || p.Warmup < 0:
		return nil, fmt.Errorf("checking the plan: %d samples after %d warm-ups", p.Count, p.Warmup)
	case p.Limit <= 0 || p.MaxFailures < 1:
		return nil, fmt.Errorf("checking the plan: a limit of %v, %d failures", p.Limit, p.MaxFailures)
	}
	names := make([]string, len(p.Jobs))
	taken := map[string]bool{}
	for i, j := range p.Jobs {
		name, err := j.name()
		if err != nil {
			return nil, fmt.Errorf("checking the plan: %w", err)
		}
		if taken[name] {
			return nil, fmt.Errorf("checking the plan: two jobs are both called %s", name)
		}
		if err := j.Scenario.Check(j.Target); err != nil {
			return nil, fmt.Errorf("checking the plan: %s: %w", name, err)
		}
		names[i], taken[name] = name, true
	}
	return names, nil
}

// order is the sequence of rounds, the same for the same seed and number of jobs.
type order struct {
	random *rand.Rand
	jobs   int
}

func newOrder(seed uint64, jobs int) order {
	const stream = 0x617263626f78 // any constant: the seed alone is the user's
	return order{rand.New(rand.NewPCG(seed, stream)), jobs}
}

// round returns the jobs' indexes in the order of the next round.
func (o order) round() []int { return o.random.Perm(o.jobs) }

// Missing is a target that cannot be measured.
type Missing struct {
	Target target.Target
	Err    error // matches target.ErrMissing where something is not installed
}

// Prepare checks and prepares the targets. Those that cannot be measured here are
// returned with the reason; only the end of ctx is an error.
func Prepare(ctx context.Context, targets []target.Target, progress Progress) (ready []target.Target, missing []Missing, err error) {
	for _, t := range targets {
		progress.Note("preparing " + t.Name())
		err := t.Check(ctx)
		if err == nil {
			err = t.Prepare(ctx)
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, nil, fmt.Errorf("preparing %s: %w", t.Name(), cause)
		}
		if err != nil {
			missing = append(missing, Missing{t, err})
			continue
		}
		ready = append(ready, t)
	}
	return ready, missing, nil
}
