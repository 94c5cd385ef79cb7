// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"strings"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/errdefs"
)

// extension is a part of KVM that a VM of ours cannot do without.
type extension struct {
	capability gokvm.Capability
	name       string // after KVM_CAP_, as its documentation has it
}

// The newest is immediate_exit, of Linux 4.12.
var extensions = []extension{
	// Guest memory is the VMM's, and can be taken away under a running guest.
	{gokvm.CapUserMemory, "user_memory"},
	{gokvm.CapDestroyMemoryRegionWorks, "destroy_memory_region_works"},
	{gokvm.CapSyncMMU, "sync_mmu"},
	// CPU, interrupt controllers and timers that a stock kernel expects.
	{gokvm.CapEXTCPUID, "ext_cpuid"},
	{gokvm.CapSetTSSAddr, "set_tss_addr"},
	{gokvm.CapIRQChip, "irqchip"},
	{gokvm.CapIRQRouting, "irq_routing"},
	{gokvm.CapPIT2, "pit2"},
	{gokvm.CapTSCDeadlineTimer, "tsc_deadline_timer"},
	// Devices: kicks and interrupts that no vCPU exits for.
	{gokvm.CapIOEventFD, "ioeventfd"},
	{gokvm.CapIRQFD, "irqfd"},
	{gokvm.CapSignalMSI, "signal_msi"},
	// Pause: a vCPU is stopped without a race.
	{gokvm.CapImmediateExit, "immediate_exit"},
	// Snapshots: all that a vCPU holds. (KVM_CAP_XCRS is missing where the CPU lacks XSAVE:
	// there is nothing to hold then.)
	{gokvm.CapMPState, "mp_state"},
	{gokvm.CapVCPUEvents, "vcpu_events"},
	{gokvm.CapDebugRegs, "debugregs"},
	{gokvm.CapXSave, "xsave"},
	{gokvm.CapAdjustClock, "adjust_clock"},
}

// checkExtensions returns an error that names the extensions which the device lacks.
func checkExtensions(device int) error {
	names := lacking(func(c gokvm.Capability) (uintptr, error) {
		return gokvm.CheckExtension(uintptr(device), c)
	})
	if len(names) == 0 {
		return nil
	}
	return errdefs.New(errdefs.ErrNotSupported, "use Linux 4.12 or later, or the uml driver",
		"KVM lacks %s", strings.Join(names, ", "))
}

// lacking asks for each extension (KVM_CHECK_EXTENSION: 0 means that it is not
// there, and what cannot be asked for is not there either).
func lacking(check func(gokvm.Capability) (uintptr, error)) []string {
	var names []string
	for _, e := range extensions {
		if n, err := check(e.capability); err != nil || n == 0 {
			names = append(names, e.name)
		}
	}
	return names
}
