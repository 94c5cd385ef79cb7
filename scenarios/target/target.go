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

// Starter is a target in which processes can be run: a VM, a container, the host.
type Starter interface {
	Target
	// Start starts an instance and returns when processes can be run in it. The
	// caller closes it.
	Start(ctx context.Context) (Instance, error)
}

// Instance is a started system.
type Instance interface {
	// Tool is the path of the lab's own program, arcbox-probe, in the instance.
	// Without arguments that program ends at once with status 0.
	Tool() string
	// Exec runs a process in it, without input or output, to its end.
	Exec(ctx context.Context, args ...string) (client.Status, error)
	// Processes are all processes that the host has for the sake of the instance.
	Processes(ctx context.Context) ([]hypervisor.Process, error)
	// Stop ends it in good order; when it returns all its processes are gone.
	Stop(ctx context.Context) error
	// Close ends it by force if it still runs, and removes all it left.
	Close() error
}

// Booter is a target that boots VMs with ArcBox's agent in them.
type Booter interface {
	Target
	// Boot starts a VM from nothing and returns when its agent has answered. The
	// caller closes the VM.
	Boot(ctx context.Context, content Content) (VM, error)
}

// Content says what is in a guest.
type Content int

const (
	Bare     Content = iota // ArcBox's agent alone, as boots are measured
	WithTool                // the lab's own program too; see Instance.Tool
)

// Resumer is a target that starts VMs from a snapshot of a booted one, which
// Prepare made.
type Resumer interface {
	Target
	// Resume starts such a VM and returns when its agent has answered.
	Resume(ctx context.Context) (VM, error)
}

// VM is a booted VM. An instance of a Booter is one.
type VM interface {
	Instance
	// Marks are the moments of its boot that the target can see: events.Request
	// first and events.AgentReady last.
	Marks(ctx context.Context) []events.Mark
}

// Counts is what an instance may have besides: counts that do not depend on how
// fast or busy the machine is.
type Counts interface {
	// Counts returns totals since the instance's start, with their units:
	// "exits-count", "guest-instructions".
	Counts(ctx context.Context) ([]record.Value, error)
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
