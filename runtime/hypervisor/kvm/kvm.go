// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kvm is the driver for VMs on Linux's KVM, with our own VMM.
//
// Hypervisor.Create puts a VM together: guest memory (vmm/ram), the kernel in it
// (vmm/boot), tables that describe the VM (vmm/acpi), virtio devices on its bus
// (virtio/mmio), and the vCPUs (vmm).
//
// The probe finds out whether this host's KVM can run a stock 64-bit kernel. That
// /dev/kvm opens does not say so: a KVM that is built on page tables alone (PVM)
// interprets whatever a guest does in ring 0, thousands of times slower than a CPU.
// So the probe runs a few bytes of ring 0 and takes the time.
package kvm

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// DefaultDevice is where Linux has KVM.
const DefaultDevice = "/dev/kvm"

// Isolation says what stands between a guest of this driver and the host.
const Isolation = "the CPU's virtualization keeps the guest apart from the host"

// Modules are what a guest's kernel, where it has modules, needs of them to find the
// driver's devices, and to hear its power button.
var Modules = []string{"virtio_mmio", "virtio_console", "virtio-rng", "virtio_balloon", "button", "evdev"}

// Hypervisor is the kvm driver.
type Hypervisor struct {
	// Device is the path of the KVM device; empty means DefaultDevice.
	Device string
	// Dial connects to the vhost-user socket of a device that another process
	// serves, when the VM is made and when that process comes back; nil connects from
	// this process.
	Dial func(ctx context.Context, path string) (*net.UnixConn, error)
	Log  *slog.Logger
}

func (h *Hypervisor) device() string {
	if h.Device == "" {
		return DefaultDevice
	}
	return h.Device
}

// Name returns "kvm".
func (*Hypervisor) Name() string { return "kvm" }

// Probe finds out whether VMs can run here. It takes 1 to 15 ms (three seconds at
// most, where KVM hardly gets anywhere), and frees all that it took. Its notes are
// the times that it measured.
func (h *Hypervisor) Probe(ctx context.Context) hypervisor.Report {
	report := hypervisor.Report{Driver: h.Name(), Isolation: Isolation}
	err := probe(ctx, h.device(), &report)
	if err == nil {
		report.Usable = true
		return report
	}
	report.Reason, report.Remedy = explain(err)
	return report
}

// explain splits an error into what is wrong and what to do about it.
func explain(err error) (reason, remedy string) {
	if e, ok := errors.AsType[*errdefs.Error](err); ok {
		return e.Problem(), e.Remedy
	}
	return err.Error(), ""
}
