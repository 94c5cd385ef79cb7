// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package arcbox makes ArcBox itself a target of the lab, with the driver and the
// kernel that the caller names. It uses the runtime as the arcbox command does.
package arcbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// Config says what to measure.
type Config struct {
	Open func() (*core.Runtime, error) // puts the runtime together
	Boot core.BootConfig               // the driver, the kernel's origin, the VMs' size
	Tool string                        // path of arcbox-probe on the host
	// Profile is a folder for the agents' profiles; empty for none. The agent must have
	// been built to keep them.
	Profile string
}

// Target is ArcBox by one driver, with a kernel from one origin.
type Target struct {
	config  Config
	runtime *core.Runtime // from Check on
	version string
	kernel  string // the origin of what was booted
}

// New returns the target. It touches nothing yet.
func New(config Config) *Target { return &Target{config: config} }

var _ target.Booter = (*Target)(nil)

// Name returns the driver, and the kernel's origin where one was asked for.
func (t *Target) Name() string {
	if t.config.Boot.Kernel == "" {
		return t.config.Boot.Driver
	}
	return t.config.Boot.Driver + ":" + string(t.config.Boot.Kernel)
}

// Check puts the runtime together and asks its driver.
func (t *Target) Check(ctx context.Context) (err error) {
	if t.runtime, err = t.config.Open(); err != nil {
		return err
	}
	for _, r := range t.runtime.Probe(ctx) {
		if r.Driver != t.config.Boot.Driver {
			continue
		}
		if !r.Usable {
			return &target.MissingError{What: fmt.Sprintf("driver %s: %s", r.Driver, r.Reason), Remedy: r.Remedy}
		}
		return nil
	}
	return &target.MissingError{What: fmt.Sprintf("driver %s is not a part of this build", t.config.Boot.Driver)}
}

// trialLimit is how long the first boot may take, which may still make an initramfs.
const trialLimit = 60 * time.Second

// Prepare boots once, which finds the kernel and makes what later boots share.
func (t *Target) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	booted, err := t.boot(ctx, target.Bare)
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
	return []record.Label{{Key: "target", Value: t.config.Boot.Driver}, {Key: "kernel", Value: t.kernel}}
}

// Version names the kernel and the agent.
func (t *Target) Version() string { return strings.TrimSpace(t.version) }

// Clean has nothing to do: what Prepare left in the cache serves all later runs.
func (t *Target) Clean() error { return nil }

// toolPath is where a guest has the lab's tool.
const toolPath = "/bin/arcbox-probe"

// Boot boots a VM.
func (t *Target) Boot(ctx context.Context, content target.Content) (target.VM, error) {
	booted, err := t.boot(ctx, content)
	if err != nil {
		return nil, err
	}
	if t.config.Profile != "" {
		return &profiled{vm: &vm{booted}, dir: t.config.Profile}, nil
	}
	return &vm{booted}, nil
}

func (t *Target) boot(ctx context.Context, content target.Content) (*core.VM, error) {
	config := t.with(content)
	config.Requested = events.Now()
	return t.runtime.Boot(ctx, config)
}

// with returns what to boot for a guest with that content.
func (t *Target) with(content target.Content) core.BootConfig {
	config := t.config.Boot
	if content == target.WithTool {
		config.Files = append(slices.Clip(config.Files), core.File{Name: toolPath, Mode: 0o755, Source: t.config.Tool})
	}
	return config
}
