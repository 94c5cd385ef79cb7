// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// remap puts pages of a file where mem is: whole pages of this package's own mapping.
// flags say whether they are shared or private. In between nobody sees a hole: the
// kernel holds the address space's lock from taking the old pages to giving the new.
func remap(mem []byte, fd int, off int64, flags int) error {
	// The address is mem's first byte, and mem lies in a mapping that was made by
	// guestmem.MapFile, outside of Go's heap, so that MAP_FIXED replaces nothing else.
	// Slices of the mapping stay good: the addresses remain mapped.
	_, err := unix.MmapPtr(fd, off, unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)),
		unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err
}
