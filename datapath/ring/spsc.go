// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// An SPSC is a bounded queue between one producer and one consumer. Each side is used by one goroutine at a time;
// handing a side on to another goroutine needs its own synchronization.
//
// Positions count items from the ring's beginning and wrap around at 2^64; an item's slot is its position modulo the
// capacity. The producer owns the slots [tail, head+capacity), the consumer owns [head, tail). Publishing tail passes
// slots to the consumer, publishing head passes them back.
//
// Each side keeps its own position and the last limit it read from the other side in memory that the other side never
// touches. It reads the other side's index only when it runs into that limit, so a line crosses between the cores
// once for many items rather than twice an item.
type SPSC[T any] struct {
	_        pad.Line
	producer side[T]
	tail     index // position after the last item pushed; written by the producer alone
	consumer side[T]
	head     index // position of the oldest item not yet popped; written by the consumer alone
}

// A side is what one end of an SPSC keeps to itself.
type side[T any] struct {
	next  uint64 // position of the next item to push or pop
	limit uint64 // position at which the other side's index must be read again
	lent  int    // items that Reserve or Peek has lent out
	buf   []T    // all slots; each side has its own copy of the slice header, so that none is shared
	scrub bool   // a popped slot is zeroed, because T holds pointers
	_     pad.Line
}

// NewSPSC returns an empty ring with the given capacity in items, or [ErrCapacity].
func NewSPSC[T any](capacity int) (*SPSC[T], error) {
	return newSPSC[T](capacity, 0)
}

// newSPSC starts at any position, for tests of wrap-around.
func newSPSC[T any](capacity int, start uint64) (*SPSC[T], error) {
	if err := checkCapacity(capacity); err != nil {
		return nil, err
	}
	buf := make([]T, capacity)
	r := &SPSC[T]{
		producer: side[T]{next: start, limit: start + uint64(capacity), buf: buf},
		consumer: side[T]{next: start, limit: start, buf: buf, scrub: holdsPointers[T]()},
	}
	r.tail.publish(start)
	r.head.publish(start)
	return r, nil
}

// Cap returns the capacity in items.
func (r *SPSC[T]) Cap() int { return len(r.producer.buf) }

// Len returns the number of items in the ring at some moment during the call. Anyone may call it.
func (r *SPSC[T]) Len() int {
	// head first: it never passes tail, so the difference is not negative; the clamp is for pushes in between.
	head := r.head.load()
	return int(min(r.tail.load()-head, uint64(len(r.producer.buf))))
}

// Push appends v and reports whether there was room. Producer only.
func (r *SPSC[T]) Push(v T) bool {
	p := &r.producer
	next := p.next
	if next == p.limit && !r.findRoom() {
		return false
	}
	p.buf[next&uint64(len(p.buf)-1)] = v
	p.next = next + 1
	// Passes the slot next to the consumer. The item is written before; the consumer reads it only after it has
	// loaded this tail.
	r.tail.publish(next + 1)
	return true
}

// findRoom reads the consumer's index again and reports whether any slot is free.
func (r *SPSC[T]) findRoom() bool {
	p := &r.producer
	// The load that takes slots over from the consumer: it has finished reading, and zeroing, all those below head.
	p.limit = r.head.load() + uint64(len(p.buf))
	return p.next != p.limit
}

// Pop removes the oldest item and reports whether there was one. Consumer only.
func (r *SPSC[T]) Pop() (v T, ok bool) {
	c := &r.consumer
	next := c.next
	if next == c.limit && !r.findItems() {
		return v, false
	}
	slot := &c.buf[next&uint64(len(c.buf)-1)]
	v = *slot
	if c.scrub {
		var zero T
		*slot = zero
	}
	c.next = next + 1
	// Passes the slot next back to the producer. The item has been read, and zeroed, before.
	r.head.publish(next + 1)
	return v, true
}

// findItems reads the producer's index again and reports whether any item waits.
func (r *SPSC[T]) findItems() bool {
	c := &r.consumer
	// The load that takes slots over from the producer: it has written all those below tail.
	c.limit = r.tail.load()
	return c.next != c.limit
}
