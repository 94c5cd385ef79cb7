// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqtest

import (
	"fmt"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// Base is the guest address of the memory that NewMemory makes.
const Base = 0x10000

// NewMemory makes an arena of so many bytes of ordinary Go memory, at guest
// address Base, so that the race detector watches over it.
func NewMemory(size uint64) (*Arena, error) {
	// Much enough for the allocator to align it to a page, as guest memory is.
	mem := make([]byte, max(size, 64<<10))[:size]
	m, err := guestmem.New(guestmem.Region{Addr: Base, Mem: mem})
	if err != nil {
		return nil, fmt.Errorf("making test memory: %w", err)
	}
	return NewArena(m, Base, size)
}

// NewPair makes both sides of a queue, with the same features.
func NewPair(a *Arena, size uint16, o Options) (*Driver, *virtq.Queue, error) {
	d, err := NewDriver(a, size, o)
	if err != nil {
		return nil, nil, err
	}
	q, err := virtq.New(a.Memory(), d.Layout(), o.Options)
	return d, q, err
}
