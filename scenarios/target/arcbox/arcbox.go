// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package arcbox makes ArcBox itself a target of the lab, with the driver and the
// kernel that the caller names. It uses the runtime as the arcbox command does.
package arcbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// Target is ArcBox by one driver, with a kernel from one origin.
type Target struct {
	open    func() (*core.Runtime, error)
	config  core.BootConfig
	runtime *core.Runtime // from Check on
	version string
	kernel  string // the origin of what was booted
}

// New returns the target that boots what the configuration says, with the runtime
// that open puts together. It touches nothing yet.
func New(open func() (*core.Runtime, error), config core.BootConfig) *Target {
	return &Target{open: open, config: config}
}

var _ target.Booter = (*Target)(nil)

// Name returns the driver, and the kernel's origin where one was asked for.
func (t *Target) Name() string {
	if t.config.Kernel == "" {
		return t.config.Driver
	}
	return t.config.Driver + ":" + string(t.config.Kernel)
}

// Check puts the runtime together and asks its driver.
func (t *Target) Check(ctx context.Context) (err error) {
	if t.runtime, err = t.open(); err != nil {
		return err
	}
	for _, r := range t.runtime.Probe(ctx) {
		if r.Driver != t.config.Driver {
			continue
		}
		if !r.Usable {
			return &target.MissingError{What: fmt.Sprintf("driver %s: %s", r.Driver, r.Reason), Remedy: r.Remedy}
		}
		return nil
	}
	return &target.MissingError{What: fmt.Sprintf("driver %s is not a part of this build", t.config.Driver)}
}

// trialLimit is how long the first boot may take, which may still make an initramfs.
const trialLimit = 60 * time.Second

// Prepare boots once, which finds the kernel and makes what later boots share.
func (t *Target) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	booted, err := t.boot(ctx)
	if err != nil {
		return err
	}
	k := booted.Kernel
	t.kernel = string(k.Origin)
	t.version = fmt.Sprintf("Linux %s, %s, sha256 %s; agent %s",
		k.Release, k.Origin, k.Digest, booted.Agent.Hello().AgentVersion)
	return errors.Join(booted.Stop(ctx), booted.Close())
}

// Labels tells the driver and the kernel's origin.
func (t *Target) Labels() []record.Label {
	return []record.Label{{Key: "target", Value: t.config.Driver}, {Key: "kernel", Value: t.kernel}}
}

// Version names the kernel and the agent.
func (t *Target) Version() string { return strings.TrimSpace(t.version) }

// Clean has nothing to do: what Prepare left in the cache serves all later runs.
func (t *Target) Clean() error { return nil }

// Boot boots a VM.
func (t *Target) Boot(ctx context.Context) (target.VM, error) {
	booted, err := t.boot(ctx)
	if err != nil {
		return nil, err
	}
	return &vm{booted}, nil
}

func (t *Target) boot(ctx context.Context) (*core.VM, error) {
	config := t.config
	config.Requested = events.Now()
	return t.runtime.Boot(ctx, config)
}

// vm gives the runtime's VM the methods of the lab's.
type vm struct{ *core.VM }

// Exec runs a process in the guest.
func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	return target.Exec(ctx, v.Agent, args...)
}

// Processes are those of the VMM and of the guest's kernel.
func (v *vm) Processes(ctx context.Context) ([]hypervisor.Process, error) {
	stats, err := v.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return stats.Processes, nil
}
