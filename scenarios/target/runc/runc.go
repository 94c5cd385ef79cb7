// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package runc is a rival for the lab: a container by an OCI runtime alone, runc or
// another with the same command line such as crun, without an engine above it.
//
// The bundle is what the runtime itself proposes ("runc spec"); only the process,
// and that the root may be written to, are the lab's. The runtime's state and all
// else lies in one private folder. Interface: the OCI runtime command line
// (https://github.com/opencontainers/runtime-tools, docs/command-line-interface.md)
// and runc(8).
package runc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
	"arcbox.dev/scenarios/target/trial"
	"arcbox.dev/scenarios/target/workspace"
)

// Target is an OCI runtime as a target.
type Target struct {
	name    string // of the program
	tool    string
	program string // its path, from Check on
	version string
	folder  *workspace.Folder // from Prepare to Clean
	started int               // instances so far
}

// New returns the target that runs the lab's own program, a static one at the path
// tool, in containers of the runtime of that name: "runc", "crun". It touches
// nothing yet.
func New(runtime, tool string) *Target { return &Target{name: runtime, tool: tool} }

var _ target.Starter = (*Target)(nil)

// Name returns the runtime's name.
func (t *Target) Name() string { return t.name }

// Check looks for the runtime, and for root, whom it needs to make control groups.
func (t *Target) Check(context.Context) (err error) {
	if t.program, err = program.Find(t.name, "install the package "+t.name); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return &target.MissingError{What: t.name + " needs root for its control groups", Remedy: "run the lab as root"}
	}
	return rootfs.CheckTool(t.tool)
}

// limit is how long a command of the runtime may take that must not be broken off,
// since it would leave half a container.
const limit = 30 * time.Second

// trialLimit is how long the first container may take from its start to its end.
const trialLimit = 60 * time.Second

// Prepare makes the bundle and tries a container.
func (t *Target) Prepare(ctx context.Context) (err error) {
	version, err := program.Command{Path: t.program, Args: []string{"--version"}}.Version(ctx)
	if err != nil {
		return err
	}
	t.version = version
	if t.folder, err = workspace.Make(t.name, t.endAll); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Clean())
		}
	}()
	if err := t.makeBundle(ctx); err != nil {
		return err
	}
	return trial.Run(ctx, trialLimit, t.Start)
}

// Labels tells the runtime alone.
func (t *Target) Labels() []record.Label { return []record.Label{{Key: "target", Value: t.name}} }

// Version is the runtime's own.
func (t *Target) Version() string { return t.version }

// Clean removes the bundle, and ends what still runs.
func (t *Target) Clean() error {
	if t.folder == nil {
		return nil
	}
	err := t.folder.Remove()
	t.folder = nil
	return err
}

// The names in the private folder. An instance's folder is named as its container.
const (
	bundleName    = "bundle"
	stateName     = "state"
	instancesName = "instances"
)

// endAll ends the containers of a folder, which may be another lab's.
func (t *Target) endAll(folder string) error {
	instances, err := os.ReadDir(filepath.Join(folder, instancesName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for containers of %s: %w", t.name, err)
	}
	var failed []error
	for _, entry := range instances {
		failed = append(failed, t.container(folder, entry.Name()).Close())
	}
	return errors.Join(failed...)
}

// Start starts a container, and returns when its first process runs.
func (t *Target) Start(ctx context.Context) (target.Instance, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.started++
	folder := t.folder.Path()
	c := t.container(folder, fmt.Sprintf("%s-%d", filepath.Base(folder), t.started))
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("starting a container of %s: %w", t.name, err)
	}
	err := c.start(ctx, filepath.Join(folder, bundleName))
	if err == nil && ctx.Err() != nil { // while it started
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
