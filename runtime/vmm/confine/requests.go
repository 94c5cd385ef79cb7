// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import "golang.org/x/sys/unix"

// Directions of an ioctl's argument (asm-generic/ioctl.h).
const (
	none = 0
	read = 2
)

// kvm is the number of a KVM request (linux/kvm.h, type 0xae) whose argument has so
// many bytes.
func kvm(direction, nr, size uint32) uint32 { return direction<<30 | size<<16 | 0xae<<8 | nr }

// requests are the ioctl(2) requests that pass: those on a VM that runs. All others
// come before Lock, when the VM, its vCPUs and their wiring are made.
func requests() []uint32 {
	return []uint32{
		kvm(none, 0x80, 0),   // KVM_RUN
		kvm(none, 0xad, 0),   // KVM_KVMCLOCK_CTRL, before a VM goes on
		kvm(read, 0x81, 144), // KVM_GET_REGS, to tell how a vCPU has ended or halted
		kvm(read, 0x98, 4),   // KVM_GET_MP_STATE
		unix.SIOCINQ,         // bytes that wait in a socket
	}
}
