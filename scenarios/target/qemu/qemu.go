// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package qemu is a rival for the lab: the same agent in a distribution's kernel
// under a plain QEMU, with QEMU's own devices.
//
// It is tuned as a user would who wants VMs to boot fast: the leanest machine that
// boots the kernel, direct kernel boot, and no device that is not used; a snapshot's
// memory is mapped and not read. Hardware virtualization is used where a trial boot
// shows that it runs this kernel.
//
// Target is measured beside ArcBox. Counting is the same machine as a yardstick that
// does not depend on the host: it counts the guest's instructions.
package qemu

import (
	"context"
	"errors"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// Program is the QEMU that is measured.
const Program = "qemu-system-x86_64"

// Guest is what the VMs boot.
type Guest struct {
	Kernel    string // path; uncompressed with a PVH entry boots faster than a bzImage
	Initramfs string // path; holds the agent and the modules of Modules
	WithTool  string // path of one that holds the lab's own program too; may be empty
	Tool      string // that program's path in the guest
	Version   string // of all, for the record
}

// Modules are the kernel modules, where they are modules, that a guest needs for
// its agent to be reached.
var Modules = []string{"virtio_pci", "virtio_console"}

// with returns the guest with that content in its Initramfs.
func (g Guest) with(content target.Content) (Guest, error) {
	if content != target.WithTool {
		return g, nil
	}
	if g.WithTool == "" {
		return Guest{}, errors.New("booting QEMU: the guest was made without the lab's tool")
	}
	g.Initramfs = g.WithTool
	return g, nil
}

// Config says what to measure.
type Config struct {
	Accel  string // "kvm" or "tcg"; empty takes kvm where it really runs kernels
	CPUs   int
	Memory uint64 // bytes
	// Guest finds or makes what is booted. It is called once, before any measurement.
	Guest func(context.Context) (Guest, error)
}

// Target is QEMU as a target of the lab.
type Target struct {
	common
	snapshot *snapshot // nil before Prepare, or if none could be made
	refusal  error     // then, why
}

// New returns the target. It touches nothing yet.
func New(config Config) *Target { return &Target{common: common{config: config}} }

var (
	_ target.Booter  = (*Target)(nil)
	_ target.Resumer = (*Target)(nil)
)

// Name returns "qemu", with the accelerator where one was asked for.
func (t *Target) Name() string {
	if t.config.Accel == "" {
		return "qemu"
	}
	return "qemu:" + t.config.Accel
}

// Prepare gets the guest, finds the first machine, of those that should be fastest,
// that boots it, and makes the snapshot. A QEMU that cannot do that can still boot.
func (t *Target) Prepare(ctx context.Context) error {
	boot := func(ctx context.Context) (target.VM, error) { return t.Boot(ctx, target.Bare) }
	if err := t.prepare(ctx, machines(t.config.Accel, tscKHz()), boot); err != nil {
		return err
	}
	if t.snapshot, t.refusal = t.takeSnapshot(ctx); t.refusal == nil {
		t.refusal = t.trial(ctx, t.Resume)
	}
	if t.refusal != nil {
		t.version += "; does not resume: " + t.refusal.Error()
	}
	return ctx.Err()
}

// Labels tells the machine and the accelerator.
func (t *Target) Labels() []record.Label { return t.labels() }

// Clean forgets the snapshot. VMs leave nothing.
func (t *Target) Clean() error {
	if t.snapshot == nil {
		return nil
	}
	err := t.snapshot.close()
	t.snapshot = nil
	return err
}

// Boot boots a VM.
func (t *Target) Boot(ctx context.Context, content target.Content) (target.VM, error) {
	guest, err := t.guest.with(content)
	if err != nil {
		return nil, err
	}
	run, err := t.launch(guest, launchOptions{})
	if err != nil {
		return nil, err
	}
	vm, err := run.reach(ctx)
	if err != nil {
		return nil, err
	}
	vm.started = agentStart(vm.client)
	return vm, nil
}
