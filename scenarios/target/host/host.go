// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package host makes the host itself a target of the lab: what a process costs with
// nothing around it, beside which all else is seen.
package host

import (
	"context"
	"fmt"
	"runtime"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
)

// Target is the host as a target.
type Target struct {
	tool    string
	version string
}

// New returns the target that runs processes of the lab's own program at the path
// tool. It touches nothing yet.
func New(tool string) *Target { return &Target{tool: tool} }

var _ target.Starter = (*Target)(nil)

// Name returns "host".
func (t *Target) Name() string { return "host" }

// Check looks for the lab's own program.
func (t *Target) Check(context.Context) error { return rootfs.CheckTool(t.tool) }

// Prepare asks the host for its kernel.
func (t *Target) Prepare(ctx context.Context) error {
	uname, err := program.Find("uname", "install the package coreutils")
	if err != nil {
		return err
	}
	kernel, err := program.Command{Path: uname, Args: []string{"-sr"}}.Version(ctx)
	if err != nil {
		return fmt.Errorf("asking the host for its kernel: %w", err)
	}
	t.version = kernel + ", " + runtime.GOARCH
	return nil
}

// Labels tells the target alone.
func (t *Target) Labels() []record.Label { return []record.Label{{Key: "target", Value: "host"}} }

// Version names the kernel.
func (t *Target) Version() string { return t.version }

// Clean has nothing to do.
func (t *Target) Clean() error { return nil }

// Start has nothing to start.
func (t *Target) Start(ctx context.Context) (target.Instance, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return instance{t.tool}, nil
}

type instance struct{ tool string }

// Tool is the path at which the lab has it.
func (i instance) Tool() string { return i.tool }

// Exec runs a process of the host.
func (i instance) Exec(ctx context.Context, args ...string) (client.Status, error) {
	if len(args) == 0 {
		return client.Status{}, fmt.Errorf("running a process of the host: it has no name")
	}
	result, err := program.Command{Path: args[0], Args: args[1:], Silent: true}.Run(ctx)
	return result.Status, err
}

// Processes has none: the host is there whether it is measured or not.
func (i instance) Processes(context.Context) ([]hypervisor.Process, error) { return nil, nil }

// Stop has nothing to do: every process has ended by itself.
func (i instance) Stop(context.Context) error { return nil }

// Close has nothing to do.
func (i instance) Close() error { return nil }
