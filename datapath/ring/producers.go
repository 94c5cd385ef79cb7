// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import "arcbox.dev/datapath/pad"

// producers is the end of a ring that many goroutines push to.
//
// A producer that moves tail from pos to pos+n owns the slots of those n positions. It has seen all of them free
// before, and they still are: only a producer that owns a position may fill its slot, and had there been one, tail
// would not have been pos at the compare-and-swap.
type producers[T any] struct {
	tail  index // position that the next producer takes
	slots []slot[T]
	_     pad.Line
}

func (p *producers[T]) push(v T) bool {
	for {
		pos := p.tail.load()
		s := at(p.slots, pos)
		seq := s.seq.load()
		if seq == pos {
			if p.tail.compareAndSwap(pos, pos+1) {
				s.fill(pos, v)
				return true
			}
			continue
		}
		if int64(seq-pos) < 0 {
			return false // the item of a lap ago is still there
		}
		// Other producers have moved on since tail was loaded.
	}
}

func (p *producers[T]) pushBatch(src []T) int {
	for len(src) > 0 {
		pos := p.tail.load()
		n, seq := p.freeRun(pos, len(src))
		if n == 0 {
			if int64(seq-pos) < 0 {
				return 0
			}
			continue
		}
		if !p.tail.compareAndSwap(pos, pos+uint64(n)) {
			continue
		}
		for i, v := range src[:n] {
			at(p.slots, pos+uint64(i)).fill(pos+uint64(i), v)
		}
		return n
	}
	return 0
}

// freeRun counts the free slots from pos on, n at most, and returns the sequence number at which it stopped. It cannot
// count past the capacity: one lap on is the slot that it began with, whose number is pos.
func (p *producers[T]) freeRun(pos uint64, n int) (run int, seq uint64) {
	for run < n {
		want := pos + uint64(run)
		if seq = at(p.slots, want).seq.load(); seq != want {
			break
		}
		run++
	}
	return run, seq
}
