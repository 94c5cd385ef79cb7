// SPDX-License-Identifier: MIT OR Apache-2.0

// Package scenario is the contract between the lab's runner and what it measures
// on a target: one scenario, one kind of result.
package scenario

import (
	"context"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// Scenario is one thing that can be measured on targets.
type Scenario interface {
	// Name begins the names of its results: "Boot".
	Name() string
	// Version is raised whenever what it measures changes: results of two versions
	// are never compared.
	Version() int
	// Units are all that its values may have, the one that matters most first.
	Units() []record.Unit
	// Check says why the scenario cannot be run on the target, if so.
	Check(t target.Target) error
	// Run takes one sample. When it returns nothing of it is left running.
	Run(ctx context.Context, t target.Target) ([]record.Value, error)
}
