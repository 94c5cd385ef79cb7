// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"

	"arcbox.dev/bench/profile/folder"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// profiled makes scenarios keep the profiles of each sample.
func profiled(scenarios []scenario.Scenario, c *folder.Collector) []scenario.Scenario {
	var all []scenario.Scenario
	for _, s := range scenarios {
		all = append(all, profiledScenario{s, c})
	}
	return all
}

// profiledScenario is a scenario whose samples are profiled, which makes them slower.
type profiledScenario struct {
	scenario.Scenario
	collector *folder.Collector
}

// Run takes one sample. The profiles of one that fails are not kept.
func (s profiledScenario) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	benchmark, err := record.Name(s.Name(), t.Labels()...)
	if err != nil {
		return nil, err
	}
	if err := s.collector.Begin(); err != nil {
		return nil, err
	}
	values, err := s.Scenario.Run(ctx, t)
	if err != nil {
		return nil, errors.Join(err, s.collector.Discard())
	}
	if err := s.collector.End(benchmark); err != nil {
		return nil, err
	}
	return values, nil
}
