// SPDX-License-Identifier: MIT OR Apache-2.0

// Package density measures how many idle VMs fit into so much memory, and what each
// of them costs among its like: the pages that they share are counted once.
package density

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// What is tried by default: VMs up to so many bytes of memory in all, but at most so
// many, which then idle for that time.
const (
	DefaultLimit  = 512 << 20
	DefaultMax    = 64
	DefaultSettle = 2 * time.Second
)

// Scenario boots VMs one after another, until they no longer fit.
type Scenario struct {
	Limit  uint64        // of the sum of the VMs' PSS, in bytes; 0 is DefaultLimit
	Max    int           // VMs; 0 is DefaultMax
	Settle time.Duration // before the memory is read at the end; 0 is DefaultSettle
	// Available tells how many bytes the host could give to new processes; nil asks
	// the host. An error that matches errors.ErrUnsupported leaves its unit out.
	Available func() (uint64, error)
}

// The units of a sample: the VMs that fit, which is the maximum where that was
// reached; the PSS of all VMs by their number, the one that no longer fitted among
// them; by how much less the host could then give, by that number too, which has the
// kernel's own share in it and whatever else happened on the host; and the time that
// the last VM took to boot beside the others.
const (
	vmsUnit       = "vms-count"
	costUnit      = "per_vm-bytes"
	availableUnit = "per_vm_available-bytes"
	bootUnit      = "last_boot-ns"
)

// Name returns "Density".
func (Scenario) Name() string { return "Density" }

// Version returns 1.
func (Scenario) Version() int { return 1 }

// Units returns how many VMs there were and what each cost. The number moves in
// steps, so the gate goes by the cost. A single boot among many tells little.
func (Scenario) Units() []record.Unit {
	return []record.Unit{
		{Name: costUnit, Better: "lower", Floor: 0.03, Slack: 512 << 10},
		{Name: vmsUnit, Better: "higher", Floor: 0.05, Slack: 1},
		{Name: availableUnit, Better: "lower"},
		{Name: bootUnit, Better: "lower"},
	}
}

// Check wants a target that boots.
func (Scenario) Check(t target.Target) error { return target.CheckBoots(t) }

// Run boots VMs until they take too much, measures them and ends them all.
func (s Scenario) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	var vms fleet
	return target.Sample(&vms, func() ([]record.Value, error) { return s.measure(ctx, t.(target.Booter), &vms) })
}

func (s Scenario) measure(ctx context.Context, booter target.Booter, vms *fleet) ([]record.Value, error) {
	before, unknown := s.available()
	if unknown != nil && !errors.Is(unknown, errors.ErrUnsupported) {
		return nil, unknown
	}
	fit, lastBoot, err := s.fill(ctx, booter, vms)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(cmp.Or(s.Settle, DefaultSettle)):
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the VMs to settle: %w", context.Cause(ctx))
	}
	sum, err := vms.pss(ctx)
	if err != nil {
		return nil, err
	}
	each := func(bytes float64) float64 { return bytes / float64(len(*vms)) }
	values := []record.Value{
		{Value: each(float64(sum)), Unit: costUnit},
		{Value: float64(fit), Unit: vmsUnit},
	}
	if unknown == nil {
		after, err := s.available()
		if err != nil {
			return nil, err
		}
		values = append(values, record.Value{Value: each(float64(before) - float64(after)), Unit: availableUnit})
	}
	return append(values, record.Value{Value: float64(lastBoot), Unit: bootUnit}), nil
}

// fill boots VMs until one does not fit or the maximum is reached. It tells how many
// fit, and how long the last one took.
func (s Scenario) fill(ctx context.Context, booter target.Booter, vms *fleet) (fit int, lastBoot time.Duration, err error) {
	for len(*vms) < cmp.Or(s.Max, DefaultMax) {
		begun := time.Now()
		if err := vms.boot(ctx, booter); err != nil {
			return 0, 0, err
		}
		lastBoot = time.Since(begun)
		sum, err := vms.pss(ctx)
		if err != nil {
			return 0, 0, err
		}
		if sum > cmp.Or(s.Limit, DefaultLimit) {
			break
		}
		fit++
	}
	return fit, lastBoot, nil
}

func (s Scenario) available() (uint64, error) {
	if s.Available != nil {
		return s.Available()
	}
	return hostAvailable()
}
