// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"runtime"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const (
	nrGetDirtyLog   = 0x42
	nrClearDirtyLog = 0xc0
)

// DirtyWords is the length that DirtyLog wants for a slot of so many bytes: one bit
// a page of 4 KiB.
func DirtyWords(size uint64) int { return int((size/4096 + 63) / 64) }

// DirtyLog fills bitmap with the pages of a slot that were written to since it was
// last asked, or since LogDirty was set (KVM_GET_DIRTY_LOG): page i is bit i%64 of
// word i/64. Only writes of guests count, not those of this process.
func DirtyLog(vm int, slot uint32, size uint64, bitmap []uint64) error {
	if size == 0 || len(bitmap) < DirtyWords(size) {
		return unix.EINVAL // the kernel would write beyond its end
	}
	// Pinned for the call: the struct holds the address as a number, which neither
	// keeps the bitmap alive nor lets it follow a stack that moves.
	var pin runtime.Pinner
	pin.Pin(&bitmap[0])
	defer pin.Unpin()
	return write(vm, nrGetDirtyLog, &gokvm.DirtyLog{Slot: slot, BitMap: addressOf(bitmap)})
}

// ManualDirtyLog has DirtyLog leave the pages as they are, so that ClearDirtyLog
// decides which are to be watched again: a large slot is not write-protected all at
// once (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2).
func ManualDirtyLog(vm int) error {
	const manual = 1 // KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
	return EnableCapability(vm, gokvm.CapManualDirtyLogProtect2, manual)
}

// clearDirtyLog is struct kvm_clear_dirty_log.
type clearDirtyLog struct {
	slot   uint32
	pages  uint32
	first  uint64
	bitmap uint64
}

// ClearDirtyLog forgets pages of a slot, those that bitmap has of the given number
// from first on, and watches them again (KVM_CLEAR_DIRTY_LOG). first is a multiple of
// 64, and so is the number unless it reaches to the slot's end.
func ClearDirtyLog(vm int, slot uint32, first uint64, pages uint32, bitmap []uint64) error {
	if pages == 0 || len(bitmap) < DirtyWords(uint64(pages)*4096) {
		return unix.EINVAL // the kernel would read beyond its end
	}
	var pin runtime.Pinner // as in DirtyLog
	pin.Pin(&bitmap[0])
	defer pin.Unpin()
	return exchange(vm, nrClearDirtyLog, &clearDirtyLog{slot: slot, pages: pages, first: first, bitmap: addressOf(bitmap)})
}
