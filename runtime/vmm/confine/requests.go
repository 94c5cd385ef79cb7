// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import "golang.org/x/sys/unix"

// Directions of an ioctl's argument (asm-generic/ioctl.h).
const (
	none  = 0
	write = 1
	read  = 2
)

// kvm is the number of a KVM request (linux/kvm.h, type 0xae) whose argument has so
// many bytes.
func kvm(direction, nr, size uint32) uint32 { return direction<<30 | size<<16 | 0xae<<8 | nr }

// requests are the ioctl(2) requests that pass: those on a VM and its vCPUs that run,
// KVM_RUN first, and those that read and write their state. VMs, vCPUs and devices
// are made before.
func requests() []uint32 {
	return []uint32{
		kvm(none, 0x80, 0),         // KVM_RUN
		kvm(write, 0x61, 8),        // KVM_IRQ_LINE
		kvm(write, 0xa5, 32),       // KVM_SIGNAL_MSI
		kvm(none, 0x9a, 0),         // KVM_NMI
		kvm(none, 0xad, 0),         // KVM_KVMCLOCK_CTRL
		kvm(write, 0x76, 32),       // KVM_IRQFD
		kvm(write, 0x79, 64),       // KVM_IOEVENTFD
		kvm(write, 0x6a, 8),        // KVM_SET_GSI_ROUTING
		kvm(write, 0x46, 32),       // KVM_SET_USER_MEMORY_REGION
		kvm(write, 0x42, 16),       // KVM_GET_DIRTY_LOG
		kvm(read, 0x81, 144),       // KVM_GET_REGS
		kvm(write, 0x82, 144),      // KVM_SET_REGS
		kvm(read, 0x83, 312),       // KVM_GET_SREGS
		kvm(write, 0x84, 312),      // KVM_SET_SREGS
		kvm(read|write, 0x88, 8),   // KVM_GET_MSRS
		kvm(write, 0x89, 8),        // KVM_SET_MSRS
		kvm(read, 0x98, 4),         // KVM_GET_MP_STATE
		kvm(write, 0x99, 4),        // KVM_SET_MP_STATE
		kvm(read, 0x9f, 64),        // KVM_GET_VCPU_EVENTS
		kvm(write, 0xa0, 64),       // KVM_SET_VCPU_EVENTS
		kvm(read, 0xa1, 128),       // KVM_GET_DEBUGREGS
		kvm(write, 0xa2, 128),      // KVM_SET_DEBUGREGS
		kvm(read, 0xa4, 4096),      // KVM_GET_XSAVE
		kvm(write, 0xa5, 4096),     // KVM_SET_XSAVE
		kvm(read, 0xcf, 4096),      // KVM_GET_XSAVE2
		kvm(read, 0xa6, 392),       // KVM_GET_XCRS
		kvm(write, 0xa7, 392),      // KVM_SET_XCRS
		kvm(read, 0x8e, 1024),      // KVM_GET_LAPIC
		kvm(write, 0x8f, 1024),     // KVM_SET_LAPIC
		kvm(read|write, 0x62, 520), // KVM_GET_IRQCHIP
		kvm(read, 0x63, 520),       // KVM_SET_IRQCHIP, whose direction the kernel has wrong
		kvm(read, 0x9f, 112),       // KVM_GET_PIT2
		kvm(write, 0xa0, 112),      // KVM_SET_PIT2
		kvm(read, 0x7c, 48),        // KVM_GET_CLOCK
		kvm(write, 0x7b, 48),       // KVM_SET_CLOCK
		kvm(none, 0xa3, 0),         // KVM_GET_TSC_KHZ
		unix.SIOCINQ,               // bytes that wait in a socket
	}
}
