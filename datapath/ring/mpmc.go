// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// An MPMC is a bounded queue between any number of producers and consumers. Any goroutine may call any method.
//
// A goroutine that is interrupted between taking its position and passing the slot on holds up what is behind it: for
// that long consumers may find the ring empty, or producers find it full, although it is not.
type MPMC[T any] struct {
	_         pad.Line
	producers producers[T]
	head      index // position that the next consumer takes
	slots     []slot[T]
	scrub     bool // a popped slot is zeroed, because T holds pointers
	_         pad.Line
}

// NewMPMC returns an empty ring with the given capacity in items, or [ErrCapacity].
func NewMPMC[T any](capacity int) (*MPMC[T], error) {
	return newMPMC[T](capacity, 0)
}

func newMPMC[T any](capacity int, start uint64) (*MPMC[T], error) {
	slots, err := newSlots[T](capacity, start)
	if err != nil {
		return nil, err
	}
	r := &MPMC[T]{producers: producers[T]{slots: slots}, slots: slots, scrub: holdsPointers[T]()}
	r.producers.tail.publish(start)
	r.head.publish(start)
	return r, nil
}

// Cap returns the capacity in items.
func (r *MPMC[T]) Cap() int { return len(r.slots) }

// Push appends v and reports whether there was room.
func (r *MPMC[T]) Push(v T) bool { return r.producers.push(v) }

// PushBatch appends as many of src as there is room for, in order and with no other producer's items in between, and
// returns how many.
func (r *MPMC[T]) PushBatch(src []T) int { return r.producers.pushBatch(src) }

// Pop removes the oldest item and reports whether there was one.
func (r *MPMC[T]) Pop() (v T, ok bool) {
	for {
		pos := r.head.load()
		s := at(r.slots, pos)
		seq := s.seq.load()
		if seq == pos+1 {
			// Who moves head past pos owns the slot, which no one has touched since it was seen full: only the
			// owner of pos may drain it.
			if r.head.compareAndSwap(pos, pos+1) {
				return s.drain(pos, uint64(len(r.slots)), r.scrub), true
			}
			continue
		}
		if int64(seq-(pos+1)) < 0 {
			return v, false // not filled yet
		}
		// Other consumers have moved on since head was loaded.
	}
}

// PopBatch removes up to len(dst) of the oldest items into dst, in order, and returns how many.
func (r *MPMC[T]) PopBatch(dst []T) int {
	for len(dst) > 0 {
		pos := r.head.load()
		n, seq := r.fullRun(pos, len(dst))
		if n == 0 {
			if int64(seq-(pos+1)) < 0 {
				return 0
			}
			continue
		}
		if !r.head.compareAndSwap(pos, pos+uint64(n)) {
			continue
		}
		for i := range dst[:n] {
			dst[i] = at(r.slots, pos+uint64(i)).drain(pos+uint64(i), uint64(len(r.slots)), r.scrub)
		}
		return n
	}
	return 0
}

// fullRun counts the full slots from pos on, n at most, and returns the sequence number at which it stopped.
func (r *MPMC[T]) fullRun(pos uint64, n int) (run int, seq uint64) {
	for run < n {
		want := pos + uint64(run) + 1
		if seq = at(r.slots, want-1).seq.load(); seq != want {
			break
		}
		run++
	}
	return run, seq
}
