// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/worker"
)

// Failure is a sample that could not be taken.
type Failure struct {
	Job string // its name
	Err error
}

// Result is what came of a run.
type Result struct {
	Samples  []record.Sample
	Failures []Failure
	GivenUp  []string // the names of jobs that are not complete
}

// ErrLimit: a sample took longer than its job allows.
var ErrLimit = errors.New("time limit")

// watch tells what the machine did meanwhile; see env.Watch.
type watch interface {
	Disturbed(own time.Duration) string
	Clock() string
}

// Run does what the plan says. What was measured before an error, such as the end
// of ctx, is in the result and the sink all the same. What the sink did not take in
// the end is in the result, and that is an error too.
func Run(ctx context.Context, plan Plan, sink Sink, progress Progress) (Result, error) {
	return runWatched(ctx, plan, sink, progress, func() watch { return env.StartWatch() })
}

func runWatched(ctx context.Context, plan Plan, sink Sink, progress Progress, start func() watch) (Result, error) {
	if err := plan.check(); err != nil {
		return Result{}, err
	}
	r := &run{
		plan: plan, progress: progress, watch: start,
		outbox: outbox{sink: sink, tell: progress.Note},
		jobs:   make([]jobState, len(plan.Jobs)),
	}
	turns := plan.turns()
	if len(turns) == 0 { // an earlier run has all
		return Result{}, nil
	}
	for i, j := range plan.Jobs {
		r.jobs[i].Job = j
	}
	for _, t := range turns {
		r.jobs[t.job].left++
	}
	progress.Start(len(turns))
	defer progress.Finish()
	var err error
	for _, t := range turns {
		if err = r.step(ctx, &r.jobs[t.job], t.round); err != nil {
			break
		}
	}
	return r.result, errors.Join(err, r.outbox.close())
}

// jobState is a job in a run.
type jobState struct {
	Job
	left     int           // runs to do, warm-ups included
	done     int           // runs that succeeded
	took     time.Duration // all of these
	failures int           // in a row
	givenUp  bool
}

// run is the state of a run.
type run struct {
	plan     Plan
	progress Progress
	watch    func() watch
	outbox   outbox
	jobs     []jobState
	result   Result
}

// step runs a job once and keeps its sample, unless the round is 0. Only what ends
// the whole run is an error.
func (r *run) step(ctx context.Context, j *jobState, round int) error {
	if j.givenUp {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("measuring: %w", cause)
	}
	r.progress.Begin(j.Name, r.timeLeft())
	start := time.Now()
	s, err := r.sample(ctx, j.Job)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("measuring: %w", cause)
	}
	j.left--
	if err != nil {
		r.failed(j, err)
		return nil
	}
	j.done, j.took, j.failures = j.done+1, j.took+time.Since(start), 0
	r.progress.Done(s)
	if round > 0 {
		s.Round = round
		r.outbox.sample(s)
		r.result.Samples = append(r.result.Samples, s)
	}
	return nil
}

// failed notes a failure, and gives the job up after too many.
func (r *run) failed(j *jobState, err error) {
	j.failures++
	r.result.Failures = append(r.result.Failures, Failure{j.Name, err})
	r.progress.Done(record.Sample{Name: j.Name})
	r.note(fmt.Sprintf("%s failed: %v", j.Name, err))
	if j.failures < r.plan.MaxFailures {
		return
	}
	j.givenUp = true
	r.progress.Skip(j.left)
	j.left = 0
	r.result.GivenUp = append(r.result.GivenUp, j.Name)
	r.note(j.Name + " is given up")
}

// note tells the user and the file.
func (r *run) note(text string) {
	r.progress.Note(text)
	r.outbox.note(text)
}

// sample takes a sample, and says in it what else the machine was busy with.
func (r *run) sample(ctx context.Context, j Job) (record.Sample, error) {
	if again, ok := j.System.(Reviver); ok {
		if err := again.Revive(ctx); err != nil {
			return record.Sample{}, err
		}
	}
	w := r.watch()
	m, err := limited(ctx, j)
	disturbed := w.Disturbed(m.CPU)
	if clock := w.Clock(); clock != "" {
		r.note(fmt.Sprintf("%s while %s was measured", clock, j.Name))
	}
	if err == nil && len(m.Values) == 0 {
		err = errors.New("no value was measured")
	}
	return record.Sample{Name: j.Name, Iters: 1, Values: m.Values, Disturbed: disturbed}, err
}

// limited has the system take a sample within the job's time limit.
func limited(ctx context.Context, j Job) (worker.Measurement, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.Limit, fmt.Errorf("%w of %v", ErrLimit, j.Limit))
	defer cancel()
	m, err := j.System.Sample(ctx, j.Scenario)
	// An error that only says that ctx ended should say why it did.
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return m, err
}

// timeLeft estimates how long the rest of the run takes, 0 if nothing is known: a
// job's runs take as long as its earlier ones, or as all others' on average.
func (r *run) timeLeft() time.Duration {
	var took time.Duration
	done := 0
	for _, j := range r.jobs {
		took, done = took+j.took, done+j.done
	}
	if done == 0 {
		return 0
	}
	var left time.Duration
	for _, j := range r.jobs {
		each := took / time.Duration(done)
		if j.done > 0 {
			each = j.took / time.Duration(j.done)
		}
		left += each * time.Duration(j.left)
	}
	return left
}
