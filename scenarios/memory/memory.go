// SPDX-License-Identifier: MIT OR Apache-2.0

// Package memory measures what a VM costs the host in memory: the proportional set
// size (PSS) of all its processes, in which a page that several processes share
// counts for each of them in part, so that the sum is what the host really gives.
package memory

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target"
)

// DefaultSettle is how long a VM idles before its memory is read.
const DefaultSettle = 2 * time.Second

// Idle measures a VM that has booted and then done nothing.
type Idle struct {
	Settle time.Duration // 0 is DefaultSettle
}

// Name returns "IdleMemory".
func (Idle) Name() string { return "IdleMemory" }

// The units that every sample has, all in bytes: the sum over the VM's processes,
// that sum by kind of memory, and the process that started the VM. A sample has
// further ones by role of process: "kernel_pss-bytes", "kernel_anon-bytes".
const (
	totalUnit    = "pss-bytes"
	anonUnit     = "anon-bytes"
	fileUnit     = "file-bytes"
	shmemUnit    = "shmem-bytes"
	launcherUnit = "launcher_pss-bytes"
)

// Units returns those that every sample has.
func (Idle) Units() []record.Unit {
	var units []record.Unit
	for _, name := range []string{totalUnit, anonUnit, fileUnit, shmemUnit, launcherUnit} {
		units = append(units, record.Unit{Name: name, Better: "lower"})
	}
	return units
}

// Check wants a target that boots.
func (Idle) Check(t target.Target) error {
	if _, ok := t.(target.Booter); !ok {
		return fmt.Errorf("target %s does not boot VMs", t.Name())
	}
	return nil
}

// Run boots a VM, lets it settle and reads the memory of its processes.
func (s Idle) Run(ctx context.Context, t target.Target) (values []record.Value, err error) {
	vm, err := t.(target.Booter).Boot(ctx)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	defer func() {
		if closing := vm.Close(); err == nil && closing != nil {
			values, err = nil, fmt.Errorf("cleaning up: %w", closing)
		}
	}()
	settle := s.Settle
	if settle == 0 {
		settle = DefaultSettle
	}
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the VM to settle: %w", context.Cause(ctx))
	}
	processes, err := vm.Processes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the VM's memory: %w", err)
	}
	if len(processes) == 0 {
		return nil, fmt.Errorf("the target named no process of its VM")
	}
	// The lab starts the VM itself, as the arcbox command does, with the same
	// runtime in its process.
	launcher, err := host.Process(os.Getpid(), "launcher")
	if err != nil {
		return nil, err
	}
	return append(valuesOf(processes), record.Value{Value: float64(launcher.PSS), Unit: launcherUnit}), nil
}

// valuesOf sums up the processes: all of them, by kind, then by role and kind.
func valuesOf(processes []hypervisor.Process) []record.Value {
	var all hypervisor.Process
	roles := map[string]hypervisor.Process{}
	for _, p := range processes {
		all = add(all, p)
		roles[p.Role] = add(roles[p.Role], p)
	}
	values := kinds("", all)
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		values = append(values, kinds(role+"_", roles[role])...)
	}
	return values
}

func add(a, b hypervisor.Process) hypervisor.Process {
	a.PSS += b.PSS
	a.Anon += b.Anon
	a.File += b.File
	a.Shmem += b.Shmem
	return a
}

func kinds(prefix string, p hypervisor.Process) []record.Value {
	return []record.Value{
		{Value: float64(p.PSS), Unit: prefix + totalUnit},
		{Value: float64(p.Anon), Unit: prefix + anonUnit},
		{Value: float64(p.File), Unit: prefix + fileUnit},
		{Value: float64(p.Shmem), Unit: prefix + shmemUnit},
	}
}
