// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapAligned maps size bytes of a file, shared, at a multiple of HugePageSize: a huge
// page of the host can only be one of the guest where guest address and address here
// have the same offset in it.
func mapAligned(fd int, size uint64) ([]byte, error) {
	// Room first, with as much more as aligning may take; the rest goes back.
	room, err := unix.MmapPtr(-1, 0, nil, uintptr(size+HugePageSize), unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	// The mapping and what goes back lie in the room, which is nobody else's, and outside
	// of Go's heap.
	lead := -uintptr(room) % HugePageSize
	mem := unsafe.Slice((*byte)(unsafe.Add(room, lead)), size)
	if err := remap(mem, fd, 0, unix.MAP_SHARED); err != nil {
		return nil, errors.Join(err, unix.MunmapPtr(room, uintptr(size+HugePageSize)))
	}
	if lead > 0 {
		err = unix.MunmapPtr(room, lead)
	}
	// The tail is never empty: lead is less than a huge page, and all are whole pages.
	return mem, errors.Join(err, unix.MunmapPtr(unsafe.Add(room, lead+uintptr(size)), HugePageSize-lead))
}

// remap puts pages of a file, or of none, where mem is: whole pages of this package's
// own mapping. flags say whether they are shared or private. In between nobody sees a hole: the
// kernel holds the address space's lock from taking the old pages to giving the new.
func remap(mem []byte, fd int, off int64, flags int) error {
	// The address is mem's first byte, and mem lies in a mapping that was made by
	// mapAligned, outside of Go's heap, so that MAP_FIXED replaces nothing else.
	// Slices of the mapping stay good: the addresses remain mapped.
	_, err := unix.MmapPtr(fd, off, unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)),
		unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err
}
