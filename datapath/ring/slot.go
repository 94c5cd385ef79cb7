// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

// A slot of a ring without a shared index of what is full. Its sequence number says whose it is:
//
//	seq == pos             free: it belongs to the producer that has position pos
//	seq == pos + 1         full: it belongs to the consumer that has position pos
//	seq == pos + capacity  free again, for the position one lap on
//
// In a [SlotSPSC], which has an index of what is free, a sequence number stays at pos + 1 until the slot is filled
// again; with two slots or more that is the full of no other lap.
//
// Slots lie close together, so neighbours share a line: padding each would cost 16 times the memory for small items,
// and the owner of a run of slots fetches each line once for several items.
type slot[T any] struct {
	seq word
	v   T
}

// newSlots returns capacity free slots for the positions from start on.
func newSlots[T any](capacity int, start uint64) ([]slot[T], error) {
	if err := checkCapacity(capacity); err != nil {
		return nil, err
	}
	slots := make([]slot[T], capacity)
	for i := range uint64(capacity) {
		at(slots, start+i).seq.publish(start + i)
	}
	return slots, nil
}

// at returns the slot of a position. len(slots) is a power of two.
func at[T any](slots []slot[T], pos uint64) *slot[T] {
	return &slots[pos&uint64(len(slots)-1)]
}

// fill writes the item of position pos and passes the slot from its producer to its consumer, who reads the item only
// after it has loaded this sequence number.
func (s *slot[T]) fill(pos uint64, v T) {
	s.v = v
	s.seq.publish(pos + 1)
}

// drain takes the item of position pos out and passes the slot from its consumer to the producer of the next lap, who
// writes to it only after it has loaded this sequence number, when the item has been read and zeroed.
func (s *slot[T]) drain(pos, capacity uint64, scrub bool) T {
	v := s.v
	if scrub {
		var zero T
		s.v = zero
	}
	s.seq.publish(pos + capacity)
	return v
}
