// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

// Reason says why a VM has ended.
type Reason string

const (
	// PowerOff: the guest turned itself off.
	PowerOff Reason = "power off"
	// Reset: the guest asked for a restart.
	Reset Reason = "reset"
	// TripleFault: the guest could not even handle the fault of handling a fault
	// (Intel SDM vol. 3 §6.15, interrupt 8). Some kernels do it on purpose, to restart.
	TripleFault Reason = "triple fault"
	// Halted: no vCPU will ever run again, since each is halted with its interrupts
	// off or waits to be started.
	Halted Reason = "halted"
	// Failed: KVM or this process could not go on.
	Failed Reason = "failed"
	// Stopped: the host ended it.
	Stopped Reason = "stopped"
)
