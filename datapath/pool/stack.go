// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import "sync/atomic"

// stack is the list of free slots: a Treiber stack (R. K. Treiber, "Systems
// Programming: Coping with Parallelism", IBM RJ 5118, 1986) of indexes. The slot
// that was put last, whose bytes are likeliest in a cache, is got first.
//
// The low half of top is the first free slot's index plus 1, or 0 for none. The high
// half counts changes, modulo 2^32: a compare-and-swap that succeeds saw no change
// since its load of top, unless one goroutine slept through a multiple of 2^32 of
// them. Without the count a slot that was popped and pushed meanwhile would look as
// if nothing had happened, with another slot below it (the ABA problem).
//
// A slot in the stack is owned by the stack, and its next is not written. Who pops a
// slot owns it from the compare-and-swap on; who pushes one does so until then.
// Go's compare-and-swap is sequentially consistent: all that an owner did before
// its push is visible to the one whose pop takes the slot.
type stack struct {
	top atomic.Uint64
}

const countOne = 1 << 32

// word is the next value of top, with first on top.
func word(top uint64, first uint32) uint64 {
	return (top+countOne)&^uint64(countOne-1) | uint64(first)
}

// pop takes a slot, or returns nil.
func (st *stack) pop(slots []slot) *slot {
	for {
		top := st.top.Load()
		first := uint32(top)
		if first == 0 {
			return nil
		}
		s := &slots[first-1]
		// Another may own s by now and be changing next: what is read then is some
		// index, and the compare-and-swap fails.
		if st.top.CompareAndSwap(top, word(top, s.next.Load())) {
			return s
		}
	}
}

// popN takes up to n slots, and returns how many, and the first's index plus 1. Each
// one's next leads to the one after.
func (st *stack) popN(slots []slot, n int) (first uint32, got int) {
	for n > 0 {
		top := st.top.Load()
		first, got = uint32(top), 0
		at := first
		// As in pop: if slots change hands meanwhile, the walk goes astray over
		// indexes that are always good, for n steps at most, and is then thrown away.
		for at != 0 && got < n {
			at = slots[at-1].next.Load()
			got++
		}
		if got == 0 || st.top.CompareAndSwap(top, word(top, at)) {
			return first, got
		}
	}
	return 0, 0
}

// push gives back a list of slots that the caller owns and has linked from first to last.
func (st *stack) push(first, last *slot) {
	index := first.index + 1
	for {
		top := st.top.Load()
		last.link(uint32(top))
		// From here on the slots are the stack's.
		if st.top.CompareAndSwap(top, word(top, index)) {
			return
		}
	}
}
