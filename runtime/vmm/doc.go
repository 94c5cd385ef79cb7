// SPDX-License-Identifier: MIT OR Apache-2.0

// Package vmm is a virtual machine on KVM: its memory slots, interrupt controllers
// and vCPUs, and how it starts, pauses and ends. Where its devices' registers are
// say two buses; it knows no device itself.
//
// Each vCPU has a goroutine that is locked to a thread and does nothing but enter
// the guest and answer its exits. It takes no lock and allocates nothing on that
// way. Whoever wants something of a vCPU changes the VM's state, sets the request
// to exit in its run page and sends its thread the signal that the Go runtime uses
// for preemption; the vCPU then completes the access that it was in the midst of,
// and looks.
//
// Lock order: VM.turn, VM.mu, vcpu.mu.
package vmm
