// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// A SlotSPSC is a bounded queue between one producer and one consumer, for items that come one at a time. An item and
// the news of it cross on one line, where an [SPSC] takes two, the item's and the index's; but its items do not lie
// next to each other, so it has no way to work on them in place. Each side is used by one goroutine at a time.
//
// A slot's sequence number tells the consumer that the slot is full. That it is free again, the consumer tells by an
// index as in an SPSC, which the producer reads once a lap or when it runs into it: were it said in the slot, as in
// an [MPMC], both sides would write to the slots' lines and keep taking them from each other. Only for types that
// hold pointers does the consumer write to slots, to zero them.
type SlotSPSC[T any] struct {
	_        pad.Line
	producer slotSide[T]
	consumer slotSide[T]
	head     index // position of the oldest item not yet popped; written by the consumer alone
}

// A slotSide is what one end keeps to itself.
type slotSide[T any] struct {
	next  uint64    // position of the next item to push or pop
	limit uint64    // producer: position at which the consumer's index must be read again
	slots []slot[T] // each side has its own copy of the slice header, so that no line but the slots' is shared
	scrub bool      // consumer: a popped slot is zeroed, because T holds pointers
	_     pad.Line
}

// NewSlotSPSC returns an empty ring with the given capacity in items, or [ErrCapacity].
func NewSlotSPSC[T any](capacity int) (*SlotSPSC[T], error) {
	return newSlotSPSC[T](capacity, 0)
}

func newSlotSPSC[T any](capacity int, start uint64) (*SlotSPSC[T], error) {
	slots, err := newSlots[T](capacity, start)
	if err != nil {
		return nil, err
	}
	r := &SlotSPSC[T]{
		producer: slotSide[T]{next: start, limit: start + uint64(capacity), slots: slots},
		consumer: slotSide[T]{next: start, slots: slots, scrub: holdsPointers[T]()},
	}
	r.head.publish(start)
	return r, nil
}

// Cap returns the capacity in items.
func (r *SlotSPSC[T]) Cap() int { return len(r.producer.slots) }

// Push appends v and reports whether there was room. Producer only.
func (r *SlotSPSC[T]) Push(v T) bool {
	p := &r.producer
	pos := p.next
	if pos == p.limit && !r.findRoom() {
		return false
	}
	at(p.slots, pos).fill(pos, v)
	p.next = pos + 1
	return true
}

// findRoom reads the consumer's index again and reports whether any slot is free.
func (r *SlotSPSC[T]) findRoom() bool {
	p := &r.producer
	// The load that takes slots over from the consumer: it has finished reading, and zeroing, all those below head.
	p.limit = r.head.load() + uint64(len(p.slots))
	return p.next != p.limit
}

// Pop removes the oldest item and reports whether there was one. Consumer only.
func (r *SlotSPSC[T]) Pop() (v T, ok bool) {
	c := &r.consumer
	pos := c.next
	s := at(c.slots, pos)
	if s.seq.load() != pos+1 {
		return v, false
	}
	v = s.v
	if c.scrub {
		var zero T
		s.v = zero
	}
	c.next = pos + 1
	// Passes the slot of pos back to the producer. The item has been read, and zeroed, before.
	r.head.publish(pos + 1)
	return v, true
}
