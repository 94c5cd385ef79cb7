// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// A SlotSPSC is a bounded queue between one producer and one consumer, for items that come one at a time. It does in
// one line's crossing what takes an [SPSC] two, the item's and the index's, but its items do not lie next to each
// other, so it has no way to work on them in place. Each side is used by one goroutine at a time.
type SlotSPSC[T any] struct {
	_        pad.Line
	producer slotSide[T]
	consumer slotSide[T]
}

// A slotSide is what one end keeps to itself.
type slotSide[T any] struct {
	next  uint64    // position of the next item to push or pop
	slots []slot[T] // each side has its own copy of the slice header, so that no line but the slots' is shared
	scrub bool      // a popped slot is zeroed, because T holds pointers
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
	return &SlotSPSC[T]{
		producer: slotSide[T]{next: start, slots: slots},
		consumer: slotSide[T]{next: start, slots: slots, scrub: holdsPointers[T]()},
	}, nil
}

// Cap returns the capacity in items.
func (r *SlotSPSC[T]) Cap() int { return len(r.producer.slots) }

// Push appends v and reports whether there was room. Producer only.
func (r *SlotSPSC[T]) Push(v T) bool {
	p := &r.producer
	s := at(p.slots, p.next)
	if s.seq.Load() != p.next {
		return false
	}
	s.fill(p.next, v)
	p.next++
	return true
}

// Pop removes the oldest item and reports whether there was one. Consumer only.
func (r *SlotSPSC[T]) Pop() (v T, ok bool) {
	c := &r.consumer
	pos := c.next
	s := at(c.slots, pos)
	if s.seq.Load() != pos+1 {
		return v, false
	}
	c.next = pos + 1
	return s.drain(pos, uint64(len(c.slots)), c.scrub), true
}
