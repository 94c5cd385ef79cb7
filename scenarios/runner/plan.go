// SPDX-License-Identifier: MIT OR Apache-2.0

// Package runner takes samples of several scenarios on several systems in one run.
//
// Systems are interleaved: each round takes a sample of every job, in an order drawn
// anew from the run's seed, so that whatever slowly changes on the machine meets all
// of them alike. Jobs that are to be compared with each other run next to each other.
// A system that fails does not keep the others from being measured, a machine that
// was busy with other things is noted at each sample, and samples that cannot be
// written are kept until they can.
package runner

import (
	"context"
	"fmt"
	"strings"
	"time"

	"arcbox.dev/scenarios/worker"
)

// System is what samples are taken of: a worker with its target.
type System interface {
	// Name is how a user knows it.
	Name() string
	// Sample runs a scenario once. When ctx ends it returns soon.
	Sample(ctx context.Context, scenario string) (worker.Measurement, error)
}

// Reviver is a system that may have to be started again before a sample. That is no
// part of the sample and of its time limit.
type Reviver interface {
	Revive(ctx context.Context) error
}

var (
	_ System  = (*worker.Worker)(nil)
	_ Reviver = (*worker.Worker)(nil)
)

// Job is one scenario on one system.
type Job struct {
	Name     string // the benchmark's; see record.Name
	System   System // prepared
	Scenario string
	Count    int // samples
	Warmup   int // runs before these, which are not recorded
	// Limit is how long one sample may take. A system that takes longer has failed.
	Limit time.Duration
	// Pair, where it is not empty, has the jobs with the same Pair run next to each
	// other: in one round in an order drawn from the seed, in the next in the reverse.
	Pair string
}

// Plan says what a run does.
type Plan struct {
	Jobs []Job
	Seed uint64 // of the order
	// Mirror reverses the order in each pair. A run with the same seed and without
	// it had them the other way round, round by round.
	Mirror bool
	// MaxFailures is how many times in a row a job may fail before it is given up;
	// at least 1.
	MaxFailures int
	// Done is how many samples an earlier run has of a job, by its name: only what
	// is missing is taken.
	Done map[string]int
	// FirstRound is the number of the first round, for a run that goes on where
	// another ended; 0 is 1.
	FirstRound int
}

// check finds the mistakes in a plan, before anything is run.
func (p Plan) check() error {
	switch {
	case len(p.Jobs) == 0:
		return fmt.Errorf("checking the plan: nothing to run")
	case p.MaxFailures < 1 || p.FirstRound < 0:
		return fmt.Errorf("checking the plan: %d failures, first round %d", p.MaxFailures, p.FirstRound)
	}
	taken := map[string]bool{}
	for _, j := range p.Jobs {
		switch {
		case j.Name == "" || strings.ContainsAny(j.Name, " \t\r\n"):
			return fmt.Errorf("checking the plan: bad name %q", j.Name)
		case taken[j.Name]:
			return fmt.Errorf("checking the plan: two jobs are both called %s", j.Name)
		case j.System == nil || j.Scenario == "":
			return fmt.Errorf("checking the plan: %s: nothing to measure", j.Name)
		case j.Count < 1 || j.Warmup < 0:
			return fmt.Errorf("checking the plan: %s: %d samples after %d warm-ups", j.Name, j.Count, j.Warmup)
		case j.Limit <= 0:
			return fmt.Errorf("checking the plan: %s: a limit of %v", j.Name, j.Limit)
		}
		taken[j.Name] = true
	}
	return nil
}

// needed is how many samples of a job are missing.
func (p Plan) needed(j Job) int { return max(j.Count-max(p.Done[j.Name], 0), 0) }
