// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// An MPSC is a bounded queue from many producers to one consumer. Items of one producer stay in order. Any goroutine
// may push; the consumer's side is used by one goroutine at a time.
//
// A producer that is interrupted between taking its position and filling the slot holds up the items behind it, not
// the other producers: the consumer finds the ring empty until then.
//
// Its consumer does without an MPMC's locked instruction, which shows where both ends share a core. Between two cores
// the crossing of lines is the cost, and an MPMC is at least as fast.
type MPSC[T any] struct {
	_         pad.Line
	consumer  slotSide[T]
	producers producers[T]
}

// NewMPSC returns an empty ring with the given capacity in items, or [ErrCapacity].
func NewMPSC[T any](capacity int) (*MPSC[T], error) {
	return newMPSC[T](capacity, 0)
}

func newMPSC[T any](capacity int, start uint64) (*MPSC[T], error) {
	slots, err := newSlots[T](capacity, start)
	if err != nil {
		return nil, err
	}
	r := &MPSC[T]{
		consumer:  slotSide[T]{next: start, slots: slots, scrub: holdsPointers[T]()},
		producers: producers[T]{slots: slots},
	}
	r.producers.tail.publish(start)
	return r, nil
}

// Cap returns the capacity in items.
func (r *MPSC[T]) Cap() int { return len(r.producers.slots) }

// Push appends v and reports whether there was room. Any goroutine may call it.
func (r *MPSC[T]) Push(v T) bool { return r.producers.push(v) }

// PushBatch appends as many of src as there is room for, in order and with no other producer's items in between, and
// returns how many. Any goroutine may call it.
func (r *MPSC[T]) PushBatch(src []T) int { return r.producers.pushBatch(src) }

// Pop removes the oldest item and reports whether there was one. Consumer only.
func (r *MPSC[T]) Pop() (v T, ok bool) {
	c := &r.consumer
	pos := c.next
	s := at(c.slots, pos)
	if s.seq.load() != pos+1 {
		return v, false
	}
	c.next = pos + 1
	return s.drain(pos, uint64(len(c.slots)), c.scrub), true
}

// PopBatch removes up to len(dst) of the oldest items into dst, in order, and returns how many. Consumer only.
func (r *MPSC[T]) PopBatch(dst []T) int {
	for i := range dst {
		v, ok := r.Pop()
		if !ok {
			return i
		}
		dst[i] = v
	}
	return len(dst)
}
