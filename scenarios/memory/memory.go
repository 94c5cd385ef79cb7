// SPDX-License-Identifier: MIT OR Apache-2.0

// Package memory measures what a VM costs the host in memory: the proportional set
// size (PSS) of all its processes, in which a page that several processes share
// counts for each of them in part, so that the sum is what the host really gives.
// Beside it stands the guest's own view.
package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// DefaultSettle is how long a VM idles before its memory is read.
const DefaultSettle = 2 * time.Second

// A quiet guest's PSS differs by 0.1 % from boot to boot. 512 KiB is what one more
// Go program's heap costs at its start.
const (
	floor = 0.03
	slack = 512 << 10 // bytes
)

// gated is a unit of memory in bytes, of which less is better, that the gate judges.
func gated(name string) record.Unit {
	return record.Unit{Name: name, Better: "lower", Floor: floor, Slack: slack}
}

// shown is such a unit for a reader alone: a part of another, or not the VM's.
func shown(name string) record.Unit { return record.Unit{Name: name, Better: "lower"} }

// The units of the guest's view, in bytes: what it was given in all, and what it
// could still give to new processes. More is better.
const (
	guestTotalUnit     = "guest_total-bytes"
	guestAvailableUnit = "guest_available-bytes"
)

func guestUnits() []record.Unit {
	return []record.Unit{
		{Name: guestTotalUnit, Better: "higher", Floor: floor, Slack: slack},
		{Name: guestAvailableUnit, Better: "higher", Floor: floor, Slack: slack},
	}
}

// guestView asks the guest, where it can be asked.
func guestView(ctx context.Context, vm target.VM) ([]record.Value, error) {
	informer, ok := vm.(target.Informer)
	if !ok {
		return nil, nil
	}
	info, err := informer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the guest for its memory: %w", err)
	}
	return []record.Value{
		{Value: float64(info.MemoryTotal), Unit: guestTotalUnit},
		{Value: float64(info.MemoryAvailable), Unit: guestAvailableUnit},
	}, nil
}

// processesOf reads the VM's processes, of which it has at least one.
func processesOf(ctx context.Context, vm target.VM) ([]hypervisor.Process, error) {
	processes, err := vm.Processes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the VM's memory: %w", err)
	}
	if len(processes) == 0 {
		return nil, errors.New("the target named no process of its VM")
	}
	return processes, nil
}

// settle lets the VM idle.
func settle(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the VM to settle: %w", context.Cause(ctx))
	}
}
