// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import (
	"encoding/binary"
	"slices"

	"arcbox.dev/datapath/guestmem"
)

// Descriptor flags (virtio 1.2 §2.7.5).
const (
	flagNext     = 1 // the chain goes on at next
	flagWrite    = 2 // the buffer is device-writable
	flagIndirect = 4 // the buffer is a table of descriptors
)

// maxBytes is the most that a chain may hold (virtio 1.2 §2.7.5.2).
const maxBytes = 1 << 32

// Chain is a descriptor chain: one request of the driver. Its segments are guest
// memory, whose contents may change at any time. Buffers of no length are left
// out, and one that spans two regions of guest memory is two segments.
//
// A Chain has storage of its own that Pop uses again. To keep a chain beyond the
// next Pop into the same slice of Chains, swap it with another, or use Copy: what an
// assignment makes shares the storage.
type Chain struct {
	Head    uint16 // names the chain to the driver
	Written uint32 // bytes that the device wrote, for PushBatch; Pop sets it to 0

	n        uint32              // number of segments
	writable uint32              // how many of them are writable, the last ones
	one      [1]guestmem.Segment // the segment, if n is 1
	more     []guestmem.Segment  // the segments, if n is larger; storage for later ones
	_        [8]byte             // one chain, one cache line
}

// MakeChain makes a chain of the given segments, for tests of devices.
func MakeChain(head uint16, readable, writable []guestmem.Segment) Chain {
	c := Chain{more: slices.Concat(readable, writable)}
	c.become(head, len(c.more), len(writable))
	return c
}

// Copy makes c what from is, with storage of its own, which it uses again.
func (c *Chain) Copy(from *Chain) {
	c.more = append(c.more[:0], from.segments()...)
	c.become(from.Head, len(c.more), int(from.writable))
	c.Written = from.Written
}

// become makes c a chain of the first n segments in its storage.
func (c *Chain) become(head uint16, n, writable int) {
	c.Head, c.Written = head, 0
	c.n, c.writable = uint32(n), uint32(writable)
	if n == 1 {
		c.one[0] = c.more[0]
	}
}

// segments returns all segments.
func (c *Chain) segments() []guestmem.Segment {
	if c.n == 1 {
		return c.one[:]
	}
	return c.more[:c.n:c.n]
}

// Readable is what the driver sends. The slice is the caller's to change, and good
// until Pop uses the chain again or it is moved.
func (c *Chain) Readable() []guestmem.Segment {
	n := c.n - c.writable
	return c.segments()[:n:n]
}

// Writable is where the device answers. What Readable says holds for it too.
func (c *Chain) Writable() []guestmem.Segment { return c.segments()[c.n-c.writable:] }

// ReadableLen is the number of readable bytes.
func (c *Chain) ReadableLen() uint64 { return guestmem.Total(c.Readable()) }

// WritableLen is the number of writable bytes.
func (c *Chain) WritableLen() uint64 { return guestmem.Total(c.Writable()) }

// descriptor is a descriptor as it was at the moment that it was read.
type descriptor struct {
	addr  uint64
	len   uint32
	flags uint16
	next  uint16
}

// readDesc reads each field of a descriptor once: the driver may change it at any
// time, so what is checked must be what is used.
func readDesc(table []byte, i uint16) descriptor {
	at := int(i) * descSize
	b := table[at : at+descSize]
	tail := binary.LittleEndian.Uint64(b[8:])
	return descriptor{
		addr:  binary.LittleEndian.Uint64(b),
		len:   uint32(tail),
		flags: uint16(tail >> 32),
		next:  uint16(tail >> 48),
	}
}
