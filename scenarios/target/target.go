// SPDX-License-Identifier: MIT OR Apache-2.0

// Package target is the contract between the lab and the systems that it measures.
//
// A target says whether it can be measured here, and what is missing if not. What
// can be done with it is in further interfaces, such as Booter; a scenario asks for
// the one that it needs. Nothing in this package knows any particular system.
package target

import (
	"context"
	"errors"
	"fmt"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
)

// Target is a system under test. Its methods are called from one goroutine at a time.
type Target interface {
	// Name is how a user asks for it: "uml:lean", "qemu".
	Name() string
	// Check finds out whether the target can be measured on this host. It is quick
	// and changes nothing. What is lacking is an error that matches ErrMissing.
	Check(ctx context.Context) error
	// Prepare does, once, what is no part of any measurement. It may take minutes.
	Prepare(ctx context.Context) error
	// Labels distinguish the target's results from others'. They are known after Prepare.
	Labels() []record.Label
	// Version says what exactly is measured, on one line. It is known after Prepare.
	Version() string
	// Clean removes what Prepare left that is of no use to a later run.
	Clean() error
}

// Booter is a target that boots VMs with ArcBox's agent in them.
type Booter interface {
	Target
	// Boot starts a VM from nothing and returns when its agent has answered. The
	// caller closes the VM.
	Boot(ctx context.Context) (VM, error)
}

// VM is a booted VM.
type VM interface {
	// Marks are the moments of its boot that the target can see: events.Request
	// first and events.AgentReady last.
	Marks(ctx context.Context) []events.Mark
	// Exec runs a process in the guest, without input or output, to its end.
	Exec(ctx context.Context, args ...string) (client.Status, error)
	// Processes are all processes that the host has for the sake of this VM.
	Processes(ctx context.Context) ([]hypervisor.Process, error)
	// Stop has the guest power off; when it returns all its processes are gone.
	Stop(ctx context.Context) error
	// Close ends it by force if it still runs, and removes all it left.
	Close() error
}

// ErrMissing: a target cannot be measured because something is not there.
var ErrMissing = errors.New("missing")

// MissingError says what a target lacks here.
type MissingError struct {
	What   string // "qemu-system-x86_64 is not installed"
	Remedy string // "install it: apt-get install qemu-system-x86"; may be empty
}

// Error returns both on one line.
func (e *MissingError) Error() string {
	if e.Remedy == "" {
		return e.What
	}
	return fmt.Sprintf("%s (%s)", e.What, e.Remedy)
}

// Is matches ErrMissing.
func (e *MissingError) Is(err error) bool { return err == ErrMissing }
