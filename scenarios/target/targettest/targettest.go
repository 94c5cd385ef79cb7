// SPDX-License-Identifier: MIT OR Apache-2.0

// Package targettest has a target of which nothing is real, for the tests of scenarios.
package targettest

import (
	"context"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// Plain is a target that cannot boot.
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
	BootErr, ExecErr, StopErr, CloseErr, ProcessesErr error

	BootMarks   []events.Mark
	Status      client.Status // of every process
	StopTime    time.Duration // that a stop takes
	VMProcesses []hypervisor.Process

	Open int // VMs that were booted and not closed
}

// Boot returns a VM.
func (b *Booter) Boot(context.Context) (target.VM, error) {
	if b.BootErr != nil {
		return nil, b.BootErr
	}
	b.Open++
	return &vm{b}, nil
}

type vm struct{ b *Booter }

func (v *vm) Marks(context.Context) []events.Mark { return v.b.BootMarks }

func (v *vm) Exec(context.Context, ...string) (client.Status, error) { return v.b.Status, v.b.ExecErr }

func (v *vm) Processes(context.Context) ([]hypervisor.Process, error) {
	return v.b.VMProcesses, v.b.ProcessesErr
}

func (v *vm) Stop(context.Context) error {
	time.Sleep(v.b.StopTime)
	return v.b.StopErr
}

func (v *vm) Close() error {
	v.b.Open--
	return v.b.CloseErr
}
