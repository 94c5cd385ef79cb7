// SPDX-License-Identifier: MIT OR Apache-2.0

// Package counts measures what a scenario costs in things that do not depend on how
// fast or busy the machine is. Counting slows down what is counted, so that it is
// done in runs of its own, whose times are not kept.
package counts

import (
	"context"
	"slices"
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// Scenario is another one without its times. The worker's meters, which count around
// it, add the rest.
type Scenario struct {
	scenario.Scenario
	Title string       // its name
	Can   func() error // says why nothing can be counted here, if so
}

// Name returns the title.
func (s Scenario) Name() string { return s.Title }

// Units are those of the scenario that are no times.
func (s Scenario) Units() []record.Unit {
	return slices.DeleteFunc(slices.Clone(s.Scenario.Units()), func(u record.Unit) bool { return isTime(u.Name) })
}

// Check asks the scenario, and whether anything can be counted.
func (s Scenario) Check(t target.Target) error {
	if err := s.Can(); err != nil {
		return err
	}
	return s.Scenario.Check(t)
}

// Run takes one sample.
func (s Scenario) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	values, err := s.Scenario.Run(ctx, t)
	return slices.DeleteFunc(values, func(v record.Value) bool { return isTime(v.Unit) }), err
}

func isTime(unit string) bool { return strings.HasSuffix(unit, "-ns") }
