// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor/kvm"
	"arcbox.dev/runtime/paths"
	"arcbox.dev/runtime/vmproc"
)

// bundledImage is the name of the image that comes with arcbox.
const bundledImage = "arcbox/hello"

// newRuntime puts the runtime together from what lies beside this program.
func newRuntime() (*core.Runtime, paths.Paths, error) {
	p, err := paths.Of(os.Getenv)
	if err != nil {
		return nil, p, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, p, err
	}
	dir := filepath.Dir(self)
	vmm, agent := filepath.Join(dir, "arcbox-vmm"), filepath.Join(dir, "arcbox-agent")
	for _, part := range []string{vmm, agent} {
		if _, err := os.Stat(part); err != nil {
			return nil, p, errdefs.New(errdefs.ErrNotFound, "reinstall arcbox, or run make build", "a part of arcbox is missing: %w", err)
		}
	}
	debug := os.Getenv("ARCBOX_DEBUG") != ""
	level := slog.LevelWarn
	if debug {
		level = slog.LevelDebug
	}
	rt, err := core.New(core.Options{
		Paths: p,
		Drivers: []core.Driver{
			{Hypervisor: &vmproc.Launcher{VMM: vmm, Driver: "kvm", Debug: debug, Namespaces: true}, Flavour: kernel.VM, Modules: kvm.Modules},
			{Hypervisor: &vmproc.Launcher{VMM: vmm, Driver: "uml", Debug: debug}, Flavour: kernel.UML},
		},
		Agent:   agent,
		Bundled: map[string]string{bundledImage: filepath.Join(dir, "hello.tar")},
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	return rt, p, err
}

// tellDriver says once, on the standard error, which driver is used and what that means.
func tellDriver(ctx context.Context, rt *core.Runtime, p paths.Paths) {
	told := filepath.Join(p.Data, "told-driver")
	if _, err := os.Stat(told); err == nil {
		return
	}
	if err := paths.Private(p.Data); err != nil {
		return
	}
	for _, r := range rt.Probe(ctx) {
		if !r.Usable {
			continue
		}
		if f, err := os.OpenFile(told, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			f.Close()
			fmt.Fprintf(os.Stderr, "arcbox: using the %s driver: %s (said once; see 'arcbox doctor')\n", r.Driver, r.Isolation)
		}
		return
	}
}
