// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqtest

import (
	"fmt"

	"arcbox.dev/datapath/guestmem"
)

// Arena hands out pieces of guest memory, one after the other, and takes none back.
type Arena struct {
	mem  *guestmem.Memory
	next uint64 // address of the first free byte
	left uint64 // bytes
}

// NewArena hands out the size bytes at addr, which must be in one region.
func NewArena(mem *guestmem.Memory, addr, size uint64) (*Arena, error) {
	if _, err := mem.Slice(addr, size); err != nil {
		return nil, fmt.Errorf("making an arena: %w", err)
	}
	return &Arena{mem: mem, next: addr, left: size}, nil
}

// Memory is the guest memory that the arena is part of.
func (a *Arena) Memory() *guestmem.Memory { return a.mem }

// Alloc returns n bytes at an address that is a multiple of align.
func (a *Arena) Alloc(n, align uint64) (addr uint64, mem []byte, err error) {
	pad := (align - a.next%align) % align
	if pad > a.left || n > a.left-pad {
		return 0, nil, fmt.Errorf("allocating %d bytes of guest memory: %d are left", n, a.left)
	}
	addr = a.next + pad
	if mem, err = a.mem.Slice(addr, n); err != nil {
		return 0, nil, fmt.Errorf("allocating guest memory: %w", err)
	}
	a.next += pad + n
	a.left -= pad + n
	return addr, mem, nil
}

// Buffer allocates n bytes for a device-readable buffer, or a device-writable one,
// and returns them with what a chain needs to refer to them.
func (a *Arena) Buffer(n uint32, writable bool) (Buffer, []byte, error) {
	addr, mem, err := a.Alloc(uint64(n), 8)
	return Buffer{Addr: addr, Len: n, Writable: writable}, mem, err
}
