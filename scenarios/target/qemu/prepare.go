// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

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

// common is what the targets with QEMU share.
type common struct {
	config  Config
	program string
	guest   Guest
	machine machine
	version string
}

// Check looks for QEMU.
func (c *common) Check(context.Context) error {
	program, err := exec.LookPath(Program)
	if err != nil {
		return &target.MissingError{
			What:   Program + " is not installed",
			Remedy: "run `ci/setup test`, or install the package qemu-system-x86",
		}
	}
	c.program = program
	return nil
}

// Version names QEMU and the guest.
func (c *common) Version() string { return c.version }

func (c *common) labels() []record.Label {
	return []record.Label{
		{Key: "target", Value: "qemu"},
		{Key: "accel", Value: c.machine.accel},
		{Key: "machine", Value: c.machine.name},
	}
}

// boots is a way to get a VM.
type boots func(context.Context) (target.VM, error)

// prepare gets the guest and takes the first machine that boots it.
func (c *common) prepare(ctx context.Context, machines []machine, boot boots) error {
	version, err := c.askVersion(ctx)
	if err != nil {
		return err
	}
	if c.guest, err = c.config.Guest(ctx); err != nil {
		return fmt.Errorf("getting a guest for QEMU: %w", err)
	}
	c.version = version + "; " + c.guest.Version
	var failed []error
	for _, c.machine = range machines {
		err := c.trial(ctx, boot)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%s with %s: %w", c.machine.name, c.machine.accel, err)
		failed = append(failed, err)
		c.version += "; not by " + err.Error()
	}
	return fmt.Errorf("finding a machine that boots: %w", errors.Join(failed...))
}

// trialLimit is how long a trial may take: a second with hardware virtualization, and
// some twenty where that is emulated.
const trialLimit = 60 * time.Second

// trial boots and stops a VM on the machine.
func (c *common) trial(ctx context.Context, boot boots) error {
	if c.machine.accel == kvm {
		if err := kvmUsable(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, trialLimit, fmt.Errorf("not up after %v", trialLimit))
	defer cancel()
	vm, err := boot(ctx)
	if err != nil {
		return err
	}
	defer vm.Close()
	return vm.Stop(ctx)
}

// askVersion returns the first line of QEMU's version.
func (c *common) askVersion(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, c.program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", c.program, err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line)), nil
}
