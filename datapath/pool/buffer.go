// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"math/bits"

	"arcbox.dev/datapath/pad"
)

// slot is what a pool knows of one buffer. Without pooldebug it takes 128 bytes, with
// its fields on one cache line: different cores own neighbours, and a slot of an odd
// size would lie across two lines as often as not, both of which go from core to core
// with each packet that is handed on.
type slot struct {
	mem        []byte // all of the buffer
	pool       *Pool
	guard      guard
	begin, end uint32 // the packet is mem[begin:end]; the owner's
	index      uint32 // of this slot in the pool
	_          [pad.Size - 4*bits.UintSize/8 - 3*4]byte
}

// take makes the handle for a slot that is the caller's since just now.
func (s *slot) take(headroom uint32) Buffer {
	s.begin, s.end = headroom, headroom
	return Buffer{stamp: s.guard.get(s), slot: s}
}

// Buffer is a handle of a packet buffer, to be used by its owner alone and handed on
// by value. The buffer is headroom, packet and tailroom, in this order. The zero
// value is no buffer.
type Buffer struct {
	stamp stamp
	slot  *slot
}

// IsZero says whether b is no buffer.
func (b Buffer) IsZero() bool { return b.slot == nil }

// own returns the slot, for an owner.
func (b Buffer) own() *slot {
	b.slot.guard.check(b.slot, b.stamp)
	return b.slot
}

// Put gives the buffer back to its pool. Neither the handle nor any copy of it, nor
// bytes that it returned, may be used afterwards. It panics if all of the pool's
// buffers are free: one of them was put twice.
func (b Buffer) Put() {
	s := b.slot
	s.guard.put(s, b.stamp)
	s.pool.free.push(s.index)
}

// Bytes returns the packet. It has no capacity beyond its length: Append makes it longer.
func (b Buffer) Bytes() []byte {
	s := b.own()
	return s.mem[s.begin:s.end:s.end]
}

// Len is the packet's length in bytes.
func (b Buffer) Len() int {
	s := b.own()
	return int(s.end - s.begin)
}

// Headroom is the number of bytes in front of the packet.
func (b Buffer) Headroom() int { return int(b.own().begin) }

// Tailroom is the number of bytes after the packet.
func (b Buffer) Tailroom() int {
	s := b.own()
	return len(s.mem) - int(s.end)
}

// Offset is where in the pool's arena the packet begins, in bytes.
func (b Buffer) Offset() int {
	s := b.own()
	return int(s.index)*len(s.mem) + int(s.begin)
}

// Reset makes the packet empty, with the pool's headroom in front.
func (b Buffer) Reset() {
	s := b.own()
	s.begin, s.end = s.pool.headroom, s.pool.headroom
}

// Prepend makes the packet longer by n bytes in front, and returns them. It returns
// nil and changes nothing unless 0 <= n <= Headroom.
func (b Buffer) Prepend(n int) []byte {
	s := b.own()
	if n < 0 || n > int(s.begin) {
		return nil
	}
	end := s.begin
	s.begin -= uint32(n)
	return s.mem[s.begin:end:end]
}

// Append makes the packet longer by n bytes at its end, and returns them. It returns
// nil and changes nothing unless 0 <= n <= Tailroom.
func (b Buffer) Append(n int) []byte {
	s := b.own()
	if n < 0 || n > len(s.mem)-int(s.end) {
		return nil
	}
	begin := s.end
	s.end += uint32(n)
	return s.mem[begin:s.end:s.end]
}

// TrimFront takes n bytes off the packet's front, as when a header was read. It
// returns false and changes nothing unless 0 <= n <= Len.
func (b Buffer) TrimFront(n int) bool {
	s := b.own()
	if n < 0 || n > int(s.end-s.begin) {
		return false
	}
	s.begin += uint32(n)
	return true
}

// Truncate makes the packet n bytes long, by taking off its end. It returns false
// and changes nothing unless 0 <= n <= Len.
func (b Buffer) Truncate(n int) bool {
	s := b.own()
	if n < 0 || n > int(s.end-s.begin) {
		return false
	}
	s.end = s.begin + uint32(n)
	return true
}
