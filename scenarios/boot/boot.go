// SPDX-License-Identifier: MIT OR Apache-2.0

// Package boot measures how long a VM takes from a request to each moment of its
// boot, and from the request to stop to the end of its last process.
package boot

import (
	"context"
	"fmt"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// probe is the process that is run in the guest: the agent's own program, the only
// one that every guest has. Run as anything but the init it says so, and ends.
const probe = "/init"

// Cold boots VMs from nothing: no snapshot, no pool, though the host's page cache
// may hold the files.
type Cold struct{}

// Name returns "ColdBoot".
func (Cold) Name() string { return "ColdBoot" }

// spans are the moments that are reported, as time since the request. Stop is
// counted from the request to stop.
var spans = []string{
	events.AgentReady, events.VMMUp, events.Kernel, events.Init, events.FirstExec, events.Stop,
}

// Units returns one unit a span.
func (Cold) Units() []record.Unit {
	units := make([]record.Unit, len(spans))
	for i, s := range spans {
		units[i] = record.Unit{Name: unit(s), Better: "lower"}
	}
	return units
}

func unit(span string) string { return span + "-ns" }

// Check wants a target that boots.
func (Cold) Check(t target.Target) error {
	if _, ok := t.(target.Booter); !ok {
		return fmt.Errorf("target %s does not boot VMs", t.Name())
	}
	return nil
}

// Run boots a VM, runs a process in it, and stops it.
func (Cold) Run(ctx context.Context, t target.Target) (values []record.Value, err error) {
	vm, err := t.(target.Booter).Boot(ctx)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	defer func() {
		if closing := vm.Close(); err == nil && closing != nil {
			values, err = nil, fmt.Errorf("cleaning up: %w", closing)
		}
	}()
	status, err := vm.Exec(ctx, probe)
	if err == nil && status.Signal != 0 {
		err = fmt.Errorf("signal %d ended it", status.Signal)
	}
	if err != nil {
		return nil, fmt.Errorf("running a process in the guest: %w", err)
	}
	exited := events.Now()
	marks := append(vm.Marks(ctx), events.Mark{Name: events.FirstExec, At: exited})

	stopping := events.Now()
	if err := vm.Stop(ctx); err != nil {
		return nil, fmt.Errorf("stopping: %w", err)
	}
	return valuesOf(marks, events.Now()-stopping)
}

// valuesOf turns marks into values, in the order of spans.
func valuesOf(marks []events.Mark, stop time.Duration) ([]record.Value, error) {
	at := map[string]time.Duration{}
	for _, m := range events.Since(marks, events.Request) {
		at[m.Name] = m.At
	}
	at[events.Stop] = stop
	if _, ok := at[events.AgentReady]; !ok {
		return nil, fmt.Errorf("the target did not mark %s", events.AgentReady)
	}
	var values []record.Value
	for _, s := range spans {
		if d, ok := at[s]; ok {
			values = append(values, record.Value{Value: float64(d), Unit: unit(s)})
		}
	}
	return values, nil
}
