// SPDX-License-Identifier: MIT OR Apache-2.0

// Package worker measures a target in a process of its own, so that a target that
// hangs or crashes can be ended and started again, and so that several revisions of
// ArcBox can be measured in one run, each by its own program.
//
// There are three processes. The lab has a Worker: it starts a program, asks it for
// samples, and is never in the way of one. The program's first call is Guard, by
// which that process becomes the guard: it starts the program again and kills what
// that leaves behind, whichever of them ends first and however. The second process
// is the worker proper, which calls Conn and Serve and has the target. Lab and worker
// exchange JSON objects, a line each, over a socket that no other process has; what
// either sends is bounded and checked, as the program may be of another revision.
package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"arcbox.dev/bench/env"
)

// Config says how to start a worker.
type Config struct {
	Name    string // of the target, in errors and to the runner
	Program string // its path, or what is found by it on PATH
	Args    []string
	Env     []string // "KEY=value", besides this process's own
	Dir     string   // where it works; "" is this process's own folder
	Pinning env.Pinning
}

// Errors that a target's worker may come to.
var (
	// ErrStuck: a request did not end in good time after it was cancelled. The
	// worker was killed then.
	ErrStuck = errors.New("does not end")
	// ErrCrashed: the worker's process ended while it was at work.
	ErrCrashed = errors.New("the worker crashed")

	errClosed = errors.New("the worker is closed")
)

// limits are what a worker may take for what is no part of a measurement.
type limits struct {
	hello  time.Duration // to start
	cancel time.Duration // to end a request that was cancelled
	revive time.Duration // to be prepared again
	close  time.Duration // to clean up and end
}

var usualLimits = limits{hello: 30 * time.Second, cancel: 15 * time.Second, revive: 10 * time.Minute, close: 30 * time.Second}

// Worker is the lab's side of a worker. Its methods are called from one goroutine at
// a time.
type Worker struct {
	config Config
	limits limits

	process *process // nil when it must be started again
	last    uint64   // number of the last request
	ready   *Ready   // nil until it was prepared
	closed  bool
}

// Start starts a worker. The caller closes it.
func Start(ctx context.Context, cfg Config) (*Worker, error) { return start(ctx, cfg, usualLimits) }

func start(ctx context.Context, cfg Config, l limits) (*Worker, error) {
	w := &Worker{config: cfg, limits: l}
	if err := w.ensure(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// Name returns the name that the worker was given.
func (w *Worker) Name() string { return w.config.Name }

// Check finds out whether the target can be measured here; see target.Target. What
// is lacking is an error that matches target.ErrMissing.
func (w *Worker) Check(ctx context.Context) error {
	if err := w.ensure(ctx); err != nil {
		return err
	}
	_, err := w.call(ctx, request{Op: opCheck})
	return err
}

// Prepare has the target prepared and returns what is known of it then.
func (w *Worker) Prepare(ctx context.Context) (Ready, error) {
	if err := w.ensure(ctx); err != nil {
		return Ready{}, err
	}
	r, err := w.call(ctx, request{Op: opPrepare})
	if err != nil {
		return Ready{}, err
	}
	if r.Ready == nil {
		return Ready{}, fmt.Errorf("preparing %s: %w: it says nothing of the target", w.config.Name, ErrBadMessage)
	}
	w.ready = r.Ready
	return *r.Ready, nil
}

// Revive makes sure that the next sample can be taken: a worker that has ended is
// started again and prepared anew, which may take minutes. A target that is not the
// same then is an error.
func (w *Worker) Revive(ctx context.Context) error {
	if w.ready == nil {
		return fmt.Errorf("sampling %s: it was not prepared", w.config.Name)
	}
	if w.alive() {
		return nil
	}
	before := *w.ready
	ctx, cancel := context.WithTimeoutCause(ctx, w.limits.revive, fmt.Errorf("not prepared again after %v", w.limits.revive))
	defer cancel()
	after, err := w.Prepare(ctx)
	if err != nil {
		return fmt.Errorf("starting %s again: %w", w.config.Name, err)
	}
	if !reflect.DeepEqual(before, after) {
		w.ready = &before // what it must be next time
		return errors.Join(fmt.Errorf("starting %s again: it is not the same: %v, and was %v", w.config.Name, after, before), w.discard())
	}
	return nil
}

// Sample runs a scenario once. When ctx ends the scenario is cancelled; one that
// does not end then is killed, with all its processes, and the error matches
// ErrStuck. A worker that has ended before is started again first; see Revive.
func (w *Worker) Sample(ctx context.Context, scenario string) (Measurement, error) {
	if err := w.Revive(ctx); err != nil {
		return Measurement{}, err
	}
	d, err := w.ready.scenario(scenario)
	if err != nil {
		return Measurement{}, fmt.Errorf("sampling %s: %w", w.config.Name, err)
	}
	r, err := w.call(ctx, request{Op: opSample, Scenario: scenario})
	if err != nil {
		return Measurement{}, err
	}
	if err := d.check(r.Measurement); err != nil {
		return Measurement{}, fmt.Errorf("sampling %s: %w", w.config.Name, err)
	}
	return *r.Measurement, nil
}

// Close has the target cleaned up and ends the worker.
func (w *Worker) Close() error {
	w.closed = true
	if !w.alive() {
		return w.discard()
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.limits.close)
	defer cancel()
	_, err := w.call(ctx, request{Op: opClose})
	if w.process != nil {
		err = errors.Join(err, w.process.leave(w.limits.close))
		w.process = nil
	}
	if err != nil {
		return fmt.Errorf("ending %s: %w", w.config.Name, err)
	}
	return nil
}
