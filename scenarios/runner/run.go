// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/bench/record"
)

// Sink keeps what a run gives, at once.
type Sink interface {
	Write(record.Sample) error
	Note(text string) error
}

// Failure is a sample that could not be taken.
type Failure struct {
	Job string // the benchmark's name
	Err error
}

// Result is what came of a run.
type Result struct {
	Samples  []record.Sample
	Failures []Failure
	GivenUp  []string // the names of jobs that are not complete
}

// ErrLimit: a sample took longer than the plan allows.
var ErrLimit = errors.New("time limit")

// errStuck: it did not even end after that.
var errStuck = errors.New("does not end after its time limit")

// stuckGrace is how long a sample may take to clean up after its time limit.
const stuckGrace = 15 * time.Second

// Run does what the plan says. What was measured before an error, such as the end
// of ctx or a full disk, is in the result and the sink all the same.
func Run(ctx context.Context, plan Plan, sink Sink, progress Progress) (Result, error) {
	names, err := plan.check()
	if err != nil {
		return Result{}, err
	}
	r := &run{plan: plan, sink: sink, progress: progress, grace: stuckGrace, jobs: make([]jobState, len(names))}
	for i := range r.jobs {
		r.jobs[i] = jobState{Job: plan.Jobs[i], name: names[i], left: plan.Warmup + plan.Count}
	}
	progress.Start(len(r.jobs) * (plan.Warmup + plan.Count))
	defer progress.Finish()
	order := newOrder(plan.Seed, len(r.jobs))
	for round := range plan.Warmup + plan.Count {
		for _, i := range order.round() {
			if err := r.step(ctx, &r.jobs[i], round >= plan.Warmup); err != nil {
				return r.result, err
			}
		}
	}
	return r.result, nil
}

// jobState is a job in a run.
type jobState struct {
	Job
	name     string
	left     int           // runs to do, warm-ups included
	done     int           // runs that succeeded
	took     time.Duration // all of these
	failures int           // in a row
	givenUp  bool
}

// run is the state of a run.
type run struct {
	plan     Plan
	sink     Sink
	progress Progress
	grace    time.Duration
	jobs     []jobState
	result   Result
}

// step runs a job once and keeps its sample, if it is to be kept. Only what ends
// the whole run is an error.
func (r *run) step(ctx context.Context, j *jobState, keep bool) error {
	if j.givenUp {
		return nil
	}
	r.progress.Begin(j.name, r.timeLeft())
	start := time.Now()
	values, err := r.sample(ctx, j)
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("measuring: %w", cause)
	}
	j.left--
	if err != nil {
		return r.failed(j, err)
	}
	j.done, j.took, j.failures = j.done+1, j.took+time.Since(start), 0
	r.progress.Done(j.name, values)
	if !keep {
		return nil
	}
	s := record.Sample{Name: j.name, Iters: 1, Values: values}
	if err := r.sink.Write(s); err != nil {
		return err
	}
	r.result.Samples = append(r.result.Samples, s)
	return nil
}

// failed notes a failure, and gives the job up after too many. A target that is
// stuck may still be at work: all its jobs are given up then.
func (r *run) failed(j *jobState, err error) error {
	j.failures++
	r.result.Failures = append(r.result.Failures, Failure{j.name, err})
	r.progress.Done(j.name, nil)
	if err := r.note(fmt.Sprintf("%s failed: %v", j.name, err)); err != nil {
		return err
	}
	for i := range r.jobs {
		other := &r.jobs[i]
		stuck := errors.Is(err, errStuck) && other.Target.Name() == j.Target.Name()
		if other.givenUp || !stuck && (other != j || j.failures < r.plan.MaxFailures) {
			continue
		}
		other.givenUp = true
		r.progress.Skip(other.left)
		other.left = 0
		r.result.GivenUp = append(r.result.GivenUp, other.name)
		if err := r.note(other.name + " is given up"); err != nil {
			return err
		}
	}
	return nil
}

// note tells the user and the file.
func (r *run) note(text string) error {
	r.progress.Note(text)
	return r.sink.Note(text)
}

// sample takes a sample within the time limit. A scenario that does not return
// even then is left behind.
func (r *run) sample(ctx context.Context, j *jobState) ([]record.Value, error) {
	limit := fmt.Errorf("%w of %v", ErrLimit, r.plan.Limit)
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.Limit, limit)
	defer cancel()
	type outcome struct {
		values []record.Value
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		values, err := j.Scenario.Run(ctx, j.Target)
		ended <- outcome{values, err}
	}()
	var o outcome
	select {
	case o = <-ended:
	case <-ctx.Done():
		select {
		case o = <-ended:
		case <-time.After(r.grace):
			return nil, fmt.Errorf("%w: %w", errStuck, context.Cause(ctx))
		}
	}
	// An error that only says that ctx ended should say why it did.
	if cause := context.Cause(ctx); o.err != nil && cause != nil && !errors.Is(o.err, cause) {
		o.err = fmt.Errorf("%w: %w", cause, o.err)
	}
	return o.values, o.err
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
