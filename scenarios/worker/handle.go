// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
)

// handle does what a request asks.
func (c Catalog) handle(ctx context.Context, req request) (reply, error) {
	switch req.Op {
	case opCheck:
		return reply{}, c.Target.Check(ctx)
	case opPrepare:
		if err := c.Target.Prepare(ctx); err != nil {
			return reply{}, err
		}
		return reply{Ready: c.describe()}, nil
	case opSample:
		m, err := c.sample(ctx, req.Scenario)
		return reply{Measurement: m}, err
	}
	return reply{}, fmt.Errorf("%w: unknown request %q", ErrBadMessage, req.Op)
}

// describe tells of the target, which is prepared, and of the scenarios.
func (c Catalog) describe() *Ready {
	r := &Ready{Labels: c.Target.Labels(), Version: c.Target.Version()}
	var counted []record.Unit
	for _, m := range c.Meters {
		counted = append(counted, m.Units()...)
	}
	for _, sc := range c.Scenarios {
		d := Described{Name: sc.Name(), Version: sc.Version(), Units: slices.Concat(sc.Units(), counted)}
		if err := sc.Check(c.Target); err != nil {
			d.Refusal = err.Error()
		}
		r.Scenarios = append(r.Scenarios, d)
	}
	return r
}

// sample runs a scenario once.
func (c Catalog) sample(ctx context.Context, name string) (*Measurement, error) {
	i := slices.IndexFunc(c.Scenarios, func(s scenario.Scenario) bool { return s.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no scenario %q", name)
	}
	sc := c.Scenarios[i]
	if err := sc.Check(c.Target); err != nil {
		return nil, err
	}
	// The garbage of the last sample is not to be collected in this one.
	runtime.GC()
	used := usedCPU()
	stop, err := c.count()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	values, err := sc.Run(ctx, c.Target)
	took := time.Since(began)
	counted, counting := stop()
	if err := errors.Join(err, counting); err != nil {
		return nil, err
	}
	return &Measurement{Values: append(values, counted...), CPU: max(usedCPU()-used, 0), Took: took}, nil
}

// count starts the meters. What it returns stops them, the last first, and gives
// their values, the first one's first.
func (c Catalog) count() (stop func() ([]record.Value, error), err error) {
	started := 0
	stop = func() ([]record.Value, error) {
		values := make([][]record.Value, started)
		var failed []error
		for i := started - 1; i >= 0; i-- {
			var err error
			if values[i], err = c.Meters[i].Stop(); err != nil {
				failed = append(failed, fmt.Errorf("counting: %w", err))
			}
		}
		return slices.Concat(values...), errors.Join(failed...)
	}
	for _, m := range c.Meters {
		if err := m.Start(); err != nil {
			_, stopping := stop()
			return nil, errors.Join(fmt.Errorf("counting: %w", err), stopping)
		}
		started++
	}
	return stop, nil
}
