// SPDX-License-Identifier: MIT OR Apache-2.0

// Package targettest has targets of which nothing is real, for the tests of scenarios.
package targettest

import (
	"context"
	"sync"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// Plain is a target that cannot start anything.
type Plain struct{}

// Name returns "fake".
func (Plain) Name() string { return "fake" }

// Check finds it there.
func (Plain) Check(context.Context) error { return nil }

// Prepare does nothing.
func (Plain) Prepare(context.Context) error { return nil }

// Labels returns target=fake.
func (Plain) Labels() []record.Label { return []record.Label{{Key: "target", Value: "fake"}} }

// Version returns "0".
func (Plain) Version() string { return "0" }

// Clean does nothing.
func (Plain) Clean() error { return nil }

// Booter is a target whose VMs are as the caller sets them. A method with an error
// set for it fails.
type Booter struct {
	Plain
	BootErr, ExecErr, StopErr, CloseErr, ProcessesErr, InfoErr, CountsErr error

	BootsBefore int // that succeed before BootErr counts
	BootMarks   []events.Mark
	Status      client.Status // of every process
	StopTime    time.Duration // that a stop takes
	VMProcesses []hypervisor.Process
	// Memory, where it is set, gives the processes instead: of a VM by its number,
	// counted from 1, after so many processes were run in it and so many reads.
	Memory func(vm, execs, reads int) []hypervisor.Process
	Info   *client.Info   // makes its VMs tell it
	Counts []record.Value // makes its VMs count

	mu       sync.Mutex       // for what follows
	Contents []target.Content // of the VMs that were booted
	Executed [][]string       // in any VM
	Open     int              // VMs that were booted and not closed
}

// Boot returns a VM.
func (b *Booter) Boot(ctx context.Context, content target.Content) (target.VM, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.BootErr != nil && len(b.Contents) >= b.BootsBefore {
		return nil, b.BootErr
	}
	b.Open++
	b.Contents = append(b.Contents, content)
	v := &vm{b: b, number: len(b.Contents)}
	if b.Info != nil || b.Counts != nil {
		return &tellingVM{v}, nil
	}
	return v, nil
}

// Resumer is such a target that has snapshots too.
type Resumer struct{ *Booter }

// Resume returns a VM.
func (r Resumer) Resume(ctx context.Context) (target.VM, error) { return r.Boot(ctx, target.Bare) }

// Starter is a target that boots no VMs itself: what it starts are those of Systems.
type Starter struct {
	Plain
	Systems *Booter
}

// Start returns a VM.
func (s Starter) Start(ctx context.Context) (target.Instance, error) {
	return s.Systems.Boot(ctx, target.WithTool)
}
