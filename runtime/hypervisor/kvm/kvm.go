// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kvm is the driver for VMs on Linux's KVM, with our own VMM.
//
// So far it holds the probe, which finds out whether this host's KVM can run a
// stock 64-bit kernel. That /dev/kvm opens does not say so: a KVM that is built on
// page tables alone (PVM) interprets whatever a guest does in ring 0, thousands of
// times slower than a CPU. So the probe runs a few bytes of ring 0 and takes the
// time.
package kvm

import (
	"context"
	"errors"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// DefaultDevice is where Linux has KVM.
const DefaultDevice = "/dev/kvm"

// Isolation says what stands between a guest of this driver and the host.
const Isolation = "the CPU's virtualization keeps the guest apart from the host"

// errNoDriver is what keeps the driver from being used on a host that passes the
// probe. It goes away with the first VM.
var errNoDriver = errdefs.New(errdefs.ErrNotSupported, "use the uml driver",
	"the kvm driver is not part of this version yet")

// Hypervisor is the kvm driver.
type Hypervisor struct {
	// Device is the path of the KVM device; empty means DefaultDevice.
	Device string
}

// Name returns "kvm".
func (*Hypervisor) Name() string { return "kvm" }

// Probe finds out whether VMs can run here. It takes 1 to 15 ms (half a second at
// most, where KVM hardly gets anywhere), and frees all that it took. Its notes are
// the times that it measured.
func (h *Hypervisor) Probe(ctx context.Context) hypervisor.Report {
	report := hypervisor.Report{Driver: h.Name(), Isolation: Isolation}
	device := h.Device
	if device == "" {
		device = DefaultDevice
	}
	err := probe(ctx, device, &report)
	if err == nil {
		err = errNoDriver
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
