// SPDX-License-Identifier: MIT OR Apache-2.0

package boot

import (
	"context"
	"fmt"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// program is the process that is run in the guest: the agent's own program, the only
// one that every guest has. Run as anything but the init it says so, and ends.
const program = "/init"

// measure runs a process in the VM, stops it, and tells the times of all that.
func measure(ctx context.Context, vm target.VM, spans []span) ([]record.Value, error) {
	status, err := vm.Exec(ctx, program)
	if err == nil && status.Signal != 0 {
		err = fmt.Errorf("signal %d ended it", status.Signal)
	}
	if err != nil {
		return nil, fmt.Errorf("running a process in the guest: %w", err)
	}
	exited := events.Now()
	marks := append(vm.Marks(ctx), events.Mark{Name: events.FirstExec, At: exited})
	counted, err := counts(ctx, vm)
	if err != nil {
		return nil, fmt.Errorf("reading the VM's counts: %w", err)
	}
	stopping := events.Now()
	if err := vm.Stop(ctx); err != nil {
		return nil, fmt.Errorf("stopping: %w", err)
	}
	values, err := valuesOf(spans, marks, events.Now()-stopping)
	return append(values, counted...), err
}

// counts reads what the VM counts of what any VM may count.
func counts(ctx context.Context, vm target.VM) ([]record.Value, error) {
	counting, ok := vm.(target.Counts)
	if !ok {
		return nil, nil
	}
	all, err := counting.Counts(ctx)
	var known []record.Value
	for _, u := range target.CountUnits() {
		for _, v := range all {
			if v.Unit == u.Name {
				known = append(known, v)
			}
		}
	}
	return known, err
}
