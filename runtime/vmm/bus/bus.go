// SPDX-License-Identifier: MIT OR Apache-2.0

// Package bus finds the device that an address belongs to. A VM has two buses: one
// of ports (PIO) and one of memory addresses (MMIO).
//
// An access reads one atomic pointer and searches a table that never changes: the
// vCPUs share no lock and write to no common cache line. Devices are added to a new
// table, which replaces the old one.
package bus

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"arcbox.dev/datapath/pad"
)

// MaxAccess is the size of the largest access, in bytes.
const MaxAccess = 8

// Device is a set of registers. Its methods are called from any vCPU's thread, also
// by several at once. An access is 1 to MaxAccess bytes long and ends inside the
// device's range; off counts from the range's start. The bytes are little-endian,
// as the guest sees them, and remain the caller's: they are not kept.
type Device interface {
	Read(off uint64, p []byte)
	Write(off uint64, p []byte)
}

// claim is a range of addresses and its device.
type claim struct {
	start, size uint64 // size is not 0, and start+size-1 does not wrap
	device      Device
}

// last is the last address of the range.
func (c *claim) last() uint64 { return c.start + (c.size - 1) }

// Bus is a set of claims. Its methods may be called at any time by anybody.
type Bus struct {
	claims    atomic.Pointer[[]claim] // sorted, without overlaps; never written to
	add       sync.Mutex              // serializes Add
	unclaimed pad.Uint64
}

// New makes a bus without devices.
func New() *Bus {
	b := new(Bus)
	b.claims.Store(new([]claim))
	return b
}

// Add gives size bytes of addresses from start on to d. An empty range, one that
// wraps around the end of the addresses, and one that overlaps another is refused.
func (b *Bus) Add(start, size uint64, d Device) error {
	if size == 0 || start+(size-1) < start {
		return fmt.Errorf("claiming %#x bytes at %#x: not a range of addresses", size, start)
	}
	if d == nil {
		return fmt.Errorf("claiming %#x bytes at %#x: no device", size, start)
	}
	c := claim{start: start, size: size, device: d}
	b.add.Lock()
	defer b.add.Unlock()
	old := *b.claims.Load()
	// The first claim that ends at or behind the new one's start is the only one that
	// can come first among those that overlap it.
	i, _ := slices.BinarySearchFunc(old, start, func(c claim, start uint64) int {
		if c.last() < start {
			return -1
		}
		return 1
	})
	if i < len(old) && old[i].start <= c.last() {
		return fmt.Errorf("claiming %#x-%#x: overlaps %#x-%#x", start, c.last(), old[i].start, old[i].last())
	}
	claims := slices.Insert(slices.Clone(old), i, c)
	b.claims.Store(&claims)
	return nil
}

// Read fills p from the device that all of p's addresses belong to. Where there is
// none p gets all ones, as from a bus that nobody drives.
func (b *Bus) Read(addr uint64, p []byte) {
	if d, off := b.find(addr, len(p)); d != nil {
		d.Read(off, p)
		return
	}
	b.unclaimed.Add(1)
	for i := range p {
		p[i] = 0xff
	}
}

// Write gives p to the device that all of p's addresses belong to. Where there is
// none p is dropped.
func (b *Bus) Write(addr uint64, p []byte) {
	if d, off := b.find(addr, len(p)); d != nil {
		d.Write(off, p)
		return
	}
	b.unclaimed.Add(1)
}

// Unclaimed returns how many accesses had no device.
func (b *Bus) Unclaimed() uint64 { return b.unclaimed.Load() }

// find returns the device of n bytes at addr and the offset in it, or nil. An access
// of a size that Device rules out has none.
func (b *Bus) find(addr uint64, n int) (Device, uint64) {
	if n < 1 || n > MaxAccess {
		return nil, 0
	}
	claims := *b.claims.Load()
	// The last claim that starts at or before addr is at low-1.
	low, high := 0, len(claims)
	for low < high {
		mid := int(uint(low+high) / 2)
		if claims[mid].start <= addr {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return nil, 0
	}
	c := &claims[low-1]
	off := addr - c.start
	if off >= c.size || uint64(n) > c.size-off {
		return nil, 0
	}
	return c.device, off
}
