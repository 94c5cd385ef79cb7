// SPDX-License-Identifier: MIT OR Apache-2.0

// Package started knows when the program started, and what it did since.
//
// It depends on nothing but the clock. Go initialises packages in the order of
// their paths as far as their dependencies allow, so this one comes before all
// others of the agent.
package started

import (
	"sync"
	"time"
)

var at = time.Now()

// Since returns the time since the program's start.
func Since() time.Duration { return time.Since(at) }

// Step is a named moment.
type Step struct {
	Name string
	At   time.Duration // since the program's start
}

var (
	mu    sync.Mutex
	steps []Step
)

// Mark notes that the program has come to a step.
func Mark(name string) {
	now := Since()
	mu.Lock()
	defer mu.Unlock()
	steps = append(steps, Step{name, now})
}

// Steps returns the steps so far, in order.
func Steps() []Step {
	mu.Lock()
	defer mu.Unlock()
	return append([]Step(nil), steps...)
}
