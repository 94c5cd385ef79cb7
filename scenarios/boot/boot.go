// SPDX-License-Identifier: MIT OR Apache-2.0

// Package boot measures how long a VM takes from a request to each moment of its
// boot, and from the request to stop to the end of its last process.
package boot

import (
	"context"
	"fmt"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// Cold boots VMs from nothing: no snapshot, no pool, though the host's page cache
// may hold the files. Beside the times it has the VM's counts up to the end of the
// first process, where the target counts.
type Cold struct{}

// Name returns "ColdBoot".
func (Cold) Name() string { return "ColdBoot" }

// Version returns 1.
func (Cold) Version() int { return 1 }

// Units returns one unit a span, and those of counts.
func (Cold) Units() []record.Unit { return units(coldSpans) }

// Check wants a target that boots.
func (Cold) Check(t target.Target) error { return target.CheckBoots(t) }

// Run boots a VM, runs a process in it, and stops it.
func (Cold) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	vm, err := t.(target.Booter).Boot(ctx, target.Bare)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	return target.Sample(vm, func() ([]record.Value, error) { return measure(ctx, vm, coldSpans) })
}

// Hot starts VMs from a snapshot of a booted one. Otherwise it is as Cold.
type Hot struct{}

// Name returns "HotBoot".
func (Hot) Name() string { return "HotBoot" }

// Version returns 1.
func (Hot) Version() int { return 1 }

// Units returns one unit a span, and those of counts.
func (Hot) Units() []record.Unit { return units(hotSpans) }

// Check wants a target that has snapshots.
func (Hot) Check(t target.Target) error {
	if _, ok := t.(target.Resumer); !ok {
		return fmt.Errorf("target %s does not start VMs from a snapshot", t.Name())
	}
	return nil
}

// Run resumes a VM, runs a process in it, and stops it.
func (Hot) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	vm, err := t.(target.Resumer).Resume(ctx)
	if err != nil {
		return nil, fmt.Errorf("resuming: %w", err)
	}
	return target.Sample(vm, func() ([]record.Value, error) { return measure(ctx, vm, hotSpans) })
}
