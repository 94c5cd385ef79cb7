// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const nrSetUserMemoryRegion = 0x46

// MapMemory shows mem to the guests of vm at guestAddr (bytes), in the memory slot
// of that number (KVM_SET_USER_MEMORY_REGION). Address and length are multiples of
// the page size. The memory must come from mmap and stay mapped until vm and its
// vCPUs are closed: the garbage collector would not know that a guest uses it.
func MapMemory(vm int, slot uint32, guestAddr uint64, mem []byte) error {
	if len(mem) == 0 {
		return unix.EINVAL // to KVM, size 0 means to remove the slot
	}
	return write(vm, nrSetUserMemoryRegion, &gokvm.UserspaceMemoryRegion{
		Slot:          slot,
		GuestPhysAddr: guestAddr,
		MemorySize:    uint64(len(mem)),
		UserspaceAddr: addressOf(mem),
	})
}
