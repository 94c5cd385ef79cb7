// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import "encoding/binary"

// Descriptor flags (virtio 1.2 §2.7.5).
const (
	flagNext     = 1 // the chain goes on at next
	flagWrite    = 2 // the buffer is device-writable
	flagIndirect = 4 // the buffer is a table of descriptors
)

// maxBytes is the most that a chain may hold (virtio 1.2 §2.7.5.2).
const maxBytes = 1 << 32

// Chain is a descriptor chain: one request of the driver. Its slices are guest
// memory, whose contents may change at any time. Buffers of no length are left
// out, and one that spans two regions of guest memory is two slices.
//
// A Chain has storage of its own that Pop uses again. To keep a chain beyond the
// next Pop into the same slice of Chains, swap it with another: a copy shares the
// storage.
type Chain struct {
	Head     uint16   // names the chain in Push
	Readable [][]byte // what the driver sends
	Writable [][]byte // where the device answers

	bufs [][]byte // what Readable and Writable are parts of
}

// ReadableLen is the number of readable bytes.
func (c *Chain) ReadableLen() uint64 { return total(c.Readable) }

// WritableLen is the number of writable bytes.
func (c *Chain) WritableLen() uint64 { return total(c.Writable) }

func total(bufs [][]byte) (n uint64) {
	for _, b := range bufs {
		n += uint64(len(b))
	}
	return n
}

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
	b := table[int(i)*descSize:][:descSize]
	tail := binary.LittleEndian.Uint64(b[8:])
	return descriptor{
		addr:  binary.LittleEndian.Uint64(b),
		len:   uint32(tail),
		flags: uint16(tail >> 32),
		next:  uint16(tail >> 48),
	}
}
