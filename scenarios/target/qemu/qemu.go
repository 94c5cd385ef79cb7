// SPDX-License-Identifier: MIT OR Apache-2.0

// Package qemu is a rival for the lab: the same agent in a distribution's kernel
// under a plain QEMU, with QEMU's own devices.
//
// It is tuned as a user would who wants VMs to boot fast: the leanest machine that
// boots the kernel, direct kernel boot, and no device that is not used. Hardware
// virtualization is used where a trial boot shows that it runs this kernel.
package qemu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// Program is the QEMU that is measured.
const Program = "qemu-system-x86_64"

// Guest is what the VMs boot.
type Guest struct {
	Kernel    string // path; uncompressed with a PVH entry boots faster than a bzImage
	Initramfs string // path; holds the agent and the modules of Modules
	Version   string // of both, for the record
}

// Modules are the kernel modules, where they are modules, that a guest needs for
// its agent to be reached.
var Modules = []string{"virtio_pci", "virtio_console"}

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
	config  Config
	program string
	guest   Guest
	machine machine
	version string
}

// New returns the target. It touches nothing yet.
func New(config Config) *Target { return &Target{config: config} }

var _ target.Booter = (*Target)(nil)

// Name returns "qemu", with the accelerator where one was asked for.
func (t *Target) Name() string {
	if t.config.Accel == "" {
		return "qemu"
	}
	return "qemu:" + t.config.Accel
}

// Check looks for QEMU.
func (t *Target) Check(context.Context) error {
	program, err := exec.LookPath(Program)
	if err != nil {
		return &target.MissingError{
			What:   Program + " is not installed",
			Remedy: "run `ci/setup test`, or install the package qemu-system-x86",
		}
	}
	t.program = program
	return nil
}

// Trial boots may take this long: with hardware virtualization a kernel is up in a
// second, or else the machine is slower than software.
const (
	kvmTrial = 10 * time.Second
	tcgTrial = 60 * time.Second
)

// Prepare gets the guest and finds the first machine, of those that should be
// fastest, that boots it.
func (t *Target) Prepare(ctx context.Context) error {
	version, err := t.askVersion(ctx)
	if err != nil {
		return err
	}
	if t.guest, err = t.config.Guest(ctx); err != nil {
		return fmt.Errorf("getting a guest for QEMU: %w", err)
	}
	t.version = version + "; " + t.guest.Version
	var failed []error
	for _, m := range machines(t.config.Accel, tscKHz()) {
		err := t.try(ctx, m)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%s with %s: %w", m.name, m.accel, err)
		failed = append(failed, err)
		t.version += "; not by " + err.Error()
	}
	return fmt.Errorf("finding a machine that boots: %w", errors.Join(failed...))
}

// try boots and stops a VM on the machine.
func (t *Target) try(ctx context.Context, m machine) error {
	limit := tcgTrial
	if m.accel == kvm {
		if err := kvmUsable(); err != nil {
			return err
		}
		limit = kvmTrial
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not up after %v", limit))
	defer cancel()
	t.machine = m
	vm, err := t.Boot(ctx)
	if err != nil {
		return err
	}
	defer vm.Close()
	return vm.Stop(ctx)
}

// askVersion returns the first line of QEMU's version.
func (t *Target) askVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, t.program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", t.program, err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line)), nil
}

// Labels tells the machine and the accelerator.
func (t *Target) Labels() []record.Label {
	return []record.Label{
		{Key: "target", Value: "qemu"},
		{Key: "accel", Value: t.machine.accel},
		{Key: "machine", Value: t.machine.name},
	}
}

// Version names QEMU and the guest.
func (t *Target) Version() string { return t.version }

// Clean has nothing to do: every VM leaves nothing.
func (t *Target) Clean() error { return nil }
