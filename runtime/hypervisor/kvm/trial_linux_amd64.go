// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"runtime"
	"time"
)

const (
	trials = 8 // runs of each kind

	// The first run that counts has so many turns: an interpreter takes 0.2 ms and
	// more for it, a CPU 1 µs.
	firstTurns = 500
	growth     = 8

	// A run shorter than so many exits does not count, and is followed by a longer
	// one: it would measure the exit at its end.
	longEnough = 16
)

// tryGuest measures this KVM in a VM of its own, until ctx ends at the latest. The
// VM is gone when it returns.
func tryGuest(ctx context.Context, device int) (s speed, err error) {
	// A vCPU belongs to the thread that runs it, and the thread gets the signal
	// that stops it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	m, err := newTrialVM(device)
	if err != nil {
		return speed{}, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	defer m.stopWith(ctx)()
	return measure(ctx, m.run)
}

// measure takes the best of several runs of each kind: whatever else goes on here
// can make a run slower, but none faster. run is trialVM.run.
func measure(ctx context.Context, run func(context.Context, uint32) (uint64, time.Duration, error)) (speed, error) {
	var s speed
	for range trials {
		_, took, err := run(ctx, 1)
		if err != nil {
			return speed{}, err
		}
		s.addExit(took)
	}
	turns := uint32(firstTurns)
	for range trials {
		instructions, took, err := run(ctx, turns)
		if err != nil {
			return speed{}, err
		}
		if took < longEnough*s.exit {
			turns *= growth
		} else {
			s.addRun(instructions, took)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return s, nil
}
