// SPDX-License-Identifier: MIT OR Apache-2.0

// Package lineuptest has a system of which nothing is real, for tests of what is
// done with a line-up.
package lineuptest

import (
	"context"
	"errors"
	"sync"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/worker"
)

// Target is the name of the target that a System is.
const Target = "uml:lean"

// System takes no time and gives the values that it is told to. A method with an
// error set for it fails.
type System struct {
	Ready                          worker.Ready
	CheckErr, PrepareErr, CloseErr error
	// Values returns the sample of that number, counted from 1.
	Values func(sample int) ([]record.Value, error)

	mu      sync.Mutex
	samples int

	Closed int // how many times it was closed
}

// New returns a system that knows one scenario, version 1, with these units.
func New(scenario string, units []record.Unit, values func(sample int) ([]record.Value, error)) *System {
	return &System{
		Ready: worker.Ready{
			Labels:    []record.Label{{Key: "target", Value: "uml"}, {Key: "kernel", Value: "lean"}},
			Version:   "Linux 6.12",
			Scenarios: []worker.Described{{Name: scenario, Version: 1, Units: units}},
		},
		Values: values,
	}
}

// Name returns Target.
func (*System) Name() string { return Target }

// Check succeeds.
func (s *System) Check(context.Context) error { return s.CheckErr }

// Prepare returns Ready.
func (s *System) Prepare(context.Context) (worker.Ready, error) { return s.Ready, s.PrepareErr }

// Sample returns what Values does.
func (s *System) Sample(context.Context, string) (worker.Measurement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples++
	values, err := s.Values(s.samples)
	return worker.Measurement{Values: values}, err
}

// Close counts.
func (s *System) Close() error {
	s.Closed++
	return s.CloseErr
}

// Side returns a side whose only target is the system.
func Side(label string, s *System) lineup.Side {
	return lineup.Side{Label: label, Revision: label + "-revision", Start: func(_ context.Context, target string, _ suite.Run) (lineup.System, error) {
		if target != Target {
			return nil, errors.New("there is no target " + target)
		}
		return s, nil
	}}
}
