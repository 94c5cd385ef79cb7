// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import "unsafe"

// Segment is a run of bytes in this process: one piece of guest memory, or any
// other. It is POSIX's struct iovec, so that a []Segment goes to preadv(2),
// recvmsg(2) and their like as it is. It takes 16 bytes where a []byte takes 24, and
// one pointer to write. What it refers to stays alive as with any pointer; guest
// memory that was mapped must stay mapped. The zero Segment has no bytes.
type Segment struct {
	base *byte
	len  uint // bytes
}

// SegmentOf returns the bytes of b, which it shares.
func SegmentOf(b []byte) Segment {
	if len(b) == 0 {
		return Segment{}
	}
	return Segment{&b[0], uint(len(b))}
}

// Len is the number of bytes.
func (s Segment) Len() int { return int(s.len) }

// Bytes returns the bytes themselves, no copy. The slice has no room to grow.
func (s Segment) Bytes() []byte {
	// base and len were taken from one []byte, in SegmentOf, and are never
	// changed apart from each other.
	return unsafe.Slice(s.base, s.len)
}
