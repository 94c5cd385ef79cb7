// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target"
)

// Idle measures a VM that has booted and then done nothing.
type Idle struct {
	Settle time.Duration // 0 is DefaultSettle
}

// launcherUnit is the PSS of the process that started the VM: the lab itself, with
// the same runtime in it as the arcbox command has. It is no part of the VM's sum.
const launcherUnit = "launcher_pss-bytes"

// Name returns "IdleMemory".
func (Idle) Name() string { return "IdleMemory" }

// Version returns 1.
func (Idle) Version() int { return 1 }

// Units returns the VM's memory by kind and by role of process, then the guest's
// view and the launcher's memory.
func (Idle) Units() []record.Unit {
	return slices.Concat(kindUnits(), guestUnits(), []record.Unit{shown(launcherUnit)})
}

// Check wants a target that boots.
func (Idle) Check(t target.Target) error { return target.CheckBoots(t) }

// Run boots a VM, lets it settle and reads the memory of its processes.
func (s Idle) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	vm, err := t.(target.Booter).Boot(ctx, target.Bare)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	return target.Sample(vm, func() ([]record.Value, error) { return s.measure(ctx, vm) })
}

func (s Idle) measure(ctx context.Context, vm target.VM) ([]record.Value, error) {
	if err := settle(ctx, cmp.Or(s.Settle, DefaultSettle)); err != nil {
		return nil, err
	}
	processes, err := processesOf(ctx, vm)
	if err != nil {
		return nil, err
	}
	launcher, err := host.Process(os.Getpid(), "launcher")
	if err != nil {
		return nil, err
	}
	seen, err := guestView(ctx, vm)
	if err != nil {
		return nil, err
	}
	return slices.Concat(byKind(processes), seen, []record.Value{{Value: float64(launcher.PSS), Unit: launcherUnit}}), nil
}
