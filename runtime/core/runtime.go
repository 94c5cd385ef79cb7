// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package core holds Runtime, the one orchestrator: it owns the managers (of VMs
// and of images so far) and does what the commands and APIs ask for with them.
package core

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/image"
	"arcbox.dev/runtime/paths"
)

// Options are what a Runtime is made of.
type Options struct {
	Paths paths.Paths
	// Drivers are the ways to run a VM, the preferred first. Only package main knows them.
	Drivers []Driver
	// Agent is the path of the guest's agent, a static program for the guest's architecture.
	Agent string
	// Bundled maps image names that come with ArcBox to their archives.
	Bundled map[string]string
	Log     *slog.Logger // nil discards
}

// Runtime runs VMs and containers for one user. Its methods may be called from any goroutine.
type Runtime struct {
	opts Options
	log  *slog.Logger
}

// New returns a Runtime. It touches nothing yet.
func New(opts Options) (*Runtime, error) {
	if len(opts.Drivers) == 0 {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "a runtime needs a driver")
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runtime{opts: opts, log: log}, nil
}

// Images opens the image store.
func (r *Runtime) Images() (*image.Store, error) {
	if err := paths.Private(r.opts.Paths.Data); err != nil {
		return nil, err
	}
	return image.Open(filepath.Join(r.opts.Paths.Data, "images"), r.log)
}

// LoadImage loads an image from a layout folder or an archive into the store.
func (r *Runtime) LoadImage(ctx context.Context, path, name string) (image.Image, error) {
	store, err := r.Images()
	if err != nil {
		return image.Image{}, err
	}
	return store.Load(ctx, path, name)
}

// resolve finds an image by name or path; a bundled one is loaded when it is first asked for.
func (r *Runtime) resolve(ctx context.Context, ref string) (image.Image, error) {
	store, err := r.Images()
	if err != nil {
		return image.Image{}, err
	}
	if archive := r.opts.Bundled[ref]; archive != "" {
		if _, err := os.Stat(archive); err == nil {
			return store.Resolve(ctx, archive)
		}
	}
	return store.Resolve(ctx, ref)
}

// Probe reports on every driver. The next run takes the first that works.
func (r *Runtime) Probe(ctx context.Context) []hypervisor.Report {
	reports := make([]hypervisor.Report, len(r.opts.Drivers))
	works := ""
	for i, d := range r.opts.Drivers {
		reports[i] = d.Probe(ctx)
		if reports[i].Usable && works == "" {
			works = d.Name()
		}
	}
	if works != "" && len(reports) > 1 {
		r.rememberDriver(works)
	}
	return reports
}
