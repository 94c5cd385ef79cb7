// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const nrSetUserMemoryRegion = 0x46

// MemoryFlags change what a memory slot does.
type MemoryFlags uint32

const (
	// LogDirty has KVM note which pages guests write to, for DirtyLog
	// (KVM_MEM_LOG_DIRTY_PAGES).
	LogDirty MemoryFlags = 1 << 0
	// ReadOnly has guests' writes exit as MMIO, while reads do not exit
	// (KVM_MEM_READONLY; gokvm's CapReadOnlyMEM says whether there is such a thing).
	ReadOnly MemoryFlags = 1 << 1
)

// MapMemory shows mem to the guests of vm at guestAddr (bytes), in the memory slot
// of that number (KVM_SET_USER_MEMORY_REGION). Address and length are multiples of
// the page size. The memory must come from mmap and stay mapped until vm and its
// vCPUs are closed: the garbage collector would not know that a guest uses it.
func MapMemory(vm int, slot uint32, guestAddr uint64, mem []byte) error {
	return MapMemoryWith(vm, slot, guestAddr, mem, 0)
}

// MapMemoryWith is MapMemory with flags. For a slot that is there already it changes
// where that is or its flags; LogDirty alone may change once a guest runs, and
// ReadOnly never.
func MapMemoryWith(vm int, slot uint32, guestAddr uint64, mem []byte, flags MemoryFlags) error {
	if len(mem) == 0 {
		return unix.EINVAL // to KVM, size 0 means to remove the slot
	}
	return write(vm, nrSetUserMemoryRegion, &gokvm.UserspaceMemoryRegion{
		Slot:          slot,
		Flags:         uint32(flags),
		GuestPhysAddr: guestAddr,
		MemorySize:    uint64(len(mem)),
		UserspaceAddr: addressOf(mem),
	})
}

// UnmapMemory removes a memory slot. The memory may be unmapped afterwards.
func UnmapMemory(vm int, slot uint32) error {
	return write(vm, nrSetUserMemoryRegion, &gokvm.UserspaceMemoryRegion{Slot: slot})
}
