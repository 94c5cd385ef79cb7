// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package gobench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/runner"
)

// Plan says what is to be measured.
type Plan struct {
	Benchmarks []Benchmark
	Rounds     int           // samples of each
	Each       time.Duration // how long a sub-benchmark runs for one sample
	Seed       uint64        // of the order
}

// Measure does what the plan says, and writes each sample as soon as it is taken. A
// benchmark that fails is told of and left out from then on. What was measured before
// an error is returned with it.
func Measure(ctx context.Context, plan Plan, file *record.Writer, progress runner.Progress) (all []record.Sample, err error) {
	random := rand.New(rand.NewPCG(plan.Seed, 0))
	left := plan.Benchmarks
	progress.Start(len(left) * plan.Rounds)
	defer progress.Finish()
	started := time.Now()
	done := 0
	var failures []error
	for round := 1; round <= plan.Rounds; round++ {
		var again []Benchmark
		for _, i := range random.Perm(len(left)) {
			b := left[i]
			progress.Begin(b.String(), remaining(time.Since(started), done, len(left)*plan.Rounds))
			watch := env.StartWatch()
			samples, used, err := b.Run(ctx, plan.Each)
			if ctx.Err() != nil {
				return all, fmt.Errorf("measuring: %w", context.Cause(ctx))
			}
			if err != nil {
				failures = append(failures, err)
				progress.Note(err.Error())
				progress.Skip(plan.Rounds - round + 1)
				continue
			}
			disturbed := watch.Disturbed(used)
			for _, s := range samples {
				s.Round, s.Disturbed = round, disturbed
				if err := file.Write(s); err != nil {
					return all, err
				}
				all = append(all, s)
			}
			progress.Done(samples[0])
			done++
			again = append(again, b)
		}
		left = again
	}
	return all, errors.Join(failures...)
}

// remaining estimates how long the runs that are left will take, 0 if nothing is known.
func remaining(took time.Duration, done, total int) time.Duration {
	if done == 0 {
		return 0
	}
	return took / time.Duration(done) * time.Duration(total-done)
}
