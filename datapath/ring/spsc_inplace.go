// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "fmt"

// Reserve lends out up to n free slots that lie next to each other, to be written in place; it is empty when the ring
// is full. It can be shorter than the room there is, at the end of the buffer: Commit, and reserve again. The slots
// hold old items or zero values.
//
// The slots belong to the caller until Commit. Push, PushBatch and a further Reserve use the same slots, so they must
// wait until then. Producer only.
func (r *SPSC[T]) Reserve(n int) []T {
	p := &r.producer
	if n < 0 {
		n = 0
	}
	if p.limit-p.next < uint64(n) {
		r.findRoom()
	}
	slots := p.from(p.next, min(n, int(p.limit-p.next)))
	p.lent = len(slots)
	return slots[:len(slots):len(slots)]
}

// Commit passes the first n slots that Reserve lent out to the consumer; the others are free again. It panics if n is
// negative or more than were lent. Producer only.
func (r *SPSC[T]) Commit(n int) {
	p := &r.producer
	if n < 0 || n > p.lent {
		panic(fmt.Sprintf("ring: Commit(%d) of %d reserved slots", n, p.lent))
	}
	p.lent = 0
	if n > 0 {
		r.publishTail(n)
	}
}

// Peek lends out up to n of the oldest items, lying next to each other, to be read or changed in place; it is empty
// when the ring is. It can be shorter than the number of items there are, at the end of the buffer: Release, and peek
// again.
//
// The items stay in the ring, and their slots belong to the caller, until Release. Pop and PopBatch must wait until
// then; a further Peek lends out the same items. Consumer only.
func (r *SPSC[T]) Peek(n int) []T {
	c := &r.consumer
	if n < 0 {
		n = 0
	}
	if c.limit-c.next < uint64(n) {
		r.findItems()
	}
	slots := c.from(c.next, min(n, int(c.limit-c.next)))
	c.lent = len(slots)
	return slots[:len(slots):len(slots)]
}

// Release removes the first n items that Peek lent out and passes their slots back to the producer; the others stay.
// It panics if n is negative or more than were lent. Consumer only.
func (r *SPSC[T]) Release(n int) {
	c := &r.consumer
	if n < 0 || n > c.lent {
		panic(fmt.Sprintf("ring: Release(%d) of %d peeked items", n, c.lent))
	}
	c.lent = 0
	if n == 0 {
		return
	}
	if c.scrub {
		clear(c.from(c.next, n))
	}
	r.publishHead(n)
}
