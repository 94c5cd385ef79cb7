// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/paths"
	"arcbox.dev/runtime/vmproc"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/arcbox"
	"arcbox.dev/scenarios/target/qemu"
)

// parts are the programs that lie beside this one.
type parts struct{ vmm, agent string }

func findParts() (parts, error) {
	self, err := os.Executable()
	if err != nil {
		return parts{}, fmt.Errorf("finding this program: %w", err)
	}
	dir := filepath.Dir(self)
	p := parts{vmm: filepath.Join(dir, "arcbox-vmm"), agent: filepath.Join(dir, "arcbox-agent")}
	for _, path := range []string{p.vmm, p.agent} {
		if _, err := os.Stat(path); err != nil {
			return parts{}, &target.MissingError{What: filepath.Base(path) + " is not beside this program", Remedy: "run make build"}
		}
	}
	return p, nil
}

// arcboxTarget makes ArcBox itself a target.
func arcboxTarget(driver string, origin kernel.Origin) newTarget {
	return func(size vmSize) target.Target {
		open := func() (*core.Runtime, error) { return openRuntime(driver) }
		return arcbox.New(open, core.BootConfig{Driver: driver, Kernel: origin, CPUs: size.cpus, Memory: size.memory})
	}
}

func openRuntime(driver string) (*core.Runtime, error) {
	where, err := paths.Of(os.Getenv)
	if err != nil {
		return nil, err
	}
	p, err := findParts()
	if err != nil {
		return nil, err
	}
	return core.New(core.Options{
		Paths:   where,
		Drivers: []hypervisor.Hypervisor{&vmproc.Launcher{VMM: p.vmm, Driver: driver}},
		Agent:   p.agent,
	})
}

// qemuTarget makes plain QEMU a target, with our agent in the cloud kernel.
func qemuTarget(accel string) newTarget {
	return func(size vmSize) target.Target {
		return qemu.New(qemu.Config{Accel: accel, CPUs: size.cpus, Memory: size.memory, Guest: cloudGuest})
	}
}

// cloudGuest gets the distribution's cloud kernel, which is downloaded where it is
// not in the cache, and makes its initramfs.
func cloudGuest(ctx context.Context) (qemu.Guest, error) {
	where, err := paths.Of(os.Getenv)
	if err != nil {
		return qemu.Guest{}, err
	}
	p, err := findParts()
	if err != nil {
		return qemu.Guest{}, err
	}
	k, err := kernel.FetchCloud(ctx, where.Cache)
	if err != nil {
		return qemu.Guest{}, err
	}
	elf, err := k.Uncompressed()
	if err != nil {
		return qemu.Guest{}, err
	}
	modules, err := k.Modules(qemu.Modules...)
	if err != nil {
		return qemu.Guest{}, err
	}
	initrd, err := initramfs.Cached(filepath.Join(where.Cache, "initramfs"), initramfs.Spec{Init: p.agent, Modules: modules})
	if err != nil {
		return qemu.Guest{}, err
	}
	return qemu.Guest{
		Kernel: elf, Initramfs: initrd,
		Version: strings.TrimSpace(fmt.Sprintf("Linux %s, %s, sha256 %s", k.Release, k.Origin, k.Digest)),
	}, nil
}
