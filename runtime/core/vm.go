// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
)

// VM is a booted VM with the connection to its agent.
type VM struct {
	Agent  *client.Client
	Kernel kernel.Kernel // what was booted

	vm  hypervisor.VirtualMachine
	dir *vmFolder

	mu    sync.Mutex
	marks []events.Mark
}

// ID names the VM.
func (v *VM) ID() string { return v.dir.id }

func (v *VM) mark(name string, at time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.marks = append(v.marks, events.Mark{Name: name, At: at})
}

// Marks returns the moments of the VM's life so far, in the order in which they came.
func (v *VM) Marks(ctx context.Context) []events.Mark {
	v.mu.Lock()
	marks := slices.Clone(v.marks)
	v.mu.Unlock()
	if stats, err := v.vm.Stats(ctx); err == nil {
		marks = append(marks, stats.Marks...)
	}
	slices.SortStableFunc(marks, func(a, b events.Mark) int { return cmp.Compare(a.At, b.At) })
	return marks
}

// Stats reads the VM's counters.
func (v *VM) Stats(ctx context.Context) (hypervisor.Stats, error) { return v.vm.Stats(ctx) }

// Console follows the guest's console.
func (v *VM) Console() (io.ReadCloser, error) { return v.vm.Console() }

// Pause stops the VM's CPUs, and Resume lets them go on.
func (v *VM) Pause(ctx context.Context) error  { return v.vm.Pause(ctx) }
func (v *VM) Resume(ctx context.Context) error { return v.vm.Resume(ctx) }

// Wait returns how the VM ended, once it has.
func (v *VM) Wait(ctx context.Context) (hypervisor.Exit, error) { return v.vm.Wait(ctx) }

// Stop asks the guest to power off, and ends it by force when ctx ends first.
func (v *VM) Stop(ctx context.Context) error { return v.vm.Stop(ctx) }

// Close ends the VM by force, if it still runs, and removes all it left.
func (v *VM) Close() error {
	var err error
	if v.Agent != nil {
		v.Agent.Close()
	}
	if v.vm != nil {
		err = v.vm.Close()
	}
	return errors.Join(err, v.dir.remove())
}
