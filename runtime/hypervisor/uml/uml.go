// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package uml is the driver that runs a User-Mode Linux kernel as a process, with
// virtio devices of ours over vhost-user. It needs no virtualization and no rights.
//
// There is no hardware boundary between guest and host: the kernel process itself
// is the boundary, and so it runs in a jail (see jail.go) that holds nothing but
// its program, its memory file and the sockets of its devices.
//
// UML runs on one CPU, has no snapshots, and pauses by being stopped.
package uml

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/hypervisor/life"
)

// MinMemory is the smallest guest that boots with the packaged kernel, in bytes.
const MinMemory = 64 << 20

// Isolation says what stands between a guest of this driver and the host.
const Isolation = "the guest's kernel is a locked-in process of the host, not a hardware-isolated VM"

// Hypervisor is the uml driver.
type Hypervisor struct {
	// Find locates a kernel for Probe; it returns a line that names it.
	Find func() (string, error)
	// Jail restricts the ways of locking in that are tried; empty means the
	// tightest that the host allows.
	Jail Confinement
	Log  *slog.Logger
}

// Name returns "uml".
func (*Hypervisor) Name() string { return "uml" }

// Probe looks for a kernel and tries the jail.
func (h *Hypervisor) Probe(ctx context.Context) hypervisor.Report {
	r := hypervisor.Report{Driver: h.Name(), Isolation: Isolation}
	if runtime.GOARCH != "amd64" {
		r.Reason = "User-Mode Linux runs on x86-64 hosts only"
		r.Remedy = "use the kvm driver on a host with virtualization"
		return r
	}
	if h.Find != nil {
		version, err := h.Find()
		if err != nil {
			r.Reason = err.Error()
			return r
		}
		r.Version = version
	}
	conf, why, err := probeJail(ctx, h.Jail)
	if err != nil {
		r.Reason = fmt.Sprintf("cannot lock in the kernel process: %v", err)
		r.Remedy = "allow user namespaces or use a kernel with Landlock (5.13 or later)"
		return r
	}
	r.Usable = true
	r.Notes = append(r.Notes, "locked in by "+conf.describe())
	if why != "" {
		r.Notes = append(r.Notes, why)
	}
	return r
}

// Create checks cfg and prepares devices and sockets.
func (h *Hypervisor) Create(ctx context.Context, cfg hypervisor.Config) (hypervisor.VirtualMachine, error) {
	free, _ := host.AvailableMemory() // 0 where that is not known
	if err := cfg.Check(MinMemory, free); err != nil {
		return nil, err
	}
	switch {
	case cfg.CPUs > 1:
		return nil, errdefs.New(errdefs.ErrNotSupported, "use --cpus 1, or a host with KVM", "the uml driver runs one CPU, not %d", cfg.CPUs)
	case len(cfg.Remotes) > 0:
		return nil, errdefs.New(errdefs.ErrNotSupported, "use the kvm driver", "the uml driver locks its kernel in with devices of its own, so %s cannot be a device of it", cfg.Remotes[0].Socket)
	}
	if _, err := os.Stat(cfg.Kernel); err != nil {
		return nil, errdefs.New(errdefs.ErrNotFound, "install a kernel with ci/setup or build one with make kernel", "opening the kernel: %w", err)
	}
	log := h.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	vm := &machine{Vsock: life.Vsock{Life: life.New()}, cfg: cfg, jail: h.Jail, log: log.With("vm", cfg.ID), console: console.New(), cpu: pickCPU()}
	if err := vm.prepare(); err != nil {
		vm.Close()
		return nil, err
	}
	return vm, nil
}
