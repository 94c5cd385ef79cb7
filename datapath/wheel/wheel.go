// SPDX-License-Identifier: MIT OR Apache-2.0

// Package wheel is a hierarchical timer wheel for the entries of a connection table: a timer is a number that the
// caller chose, set, moved and stopped in constant time, whatever the number of others.
//
// It is scheme 7 of Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987). Time is read as digits to
// the base of 64. A timer hangs in the wheel of the highest digit in which its time differs from the present, in the
// slot of that digit's value. When that slot begins, its timers move on to the wheels of lower digits: at most once for
// each of the 11 digits of 64 bits, so that no time is too far off to be kept exactly.
//
// All slots in use of a level are therefore later than the present, and earlier than all those of higher levels. The
// next one is found by two bit scans, of the levels in use and of the slots in use of the lowest, so time that passes
// costs nothing by itself: be it a tick or a year, only slots with timers are visited.
//
// A tick is what the caller makes of it. A Wheel is for one goroutine at a time.
package wheel

import "math/bits"

const (
	digitBits = 6
	slots     = 1 << digitBits                   // in a level
	levels    = (64 + digitBits - 1) / digitBits // 11
	heads     = levels * slots                   // list heads, in the order of levels
	due       = firstHead                        // head of the list of timers whose time has come
	firstHead = 1                                // number of the first head; node 0 is none
	firstNode = firstHead + heads                // number of timer 0's node
)

// A Wheel holds timers and the time that it was last told.
type Wheel struct {
	now  uint64 // ticks
	size uint32 // timers 0..size-1 may be used

	// A level's bit says that a slot of it is in use, and a slot's bit that its list is not empty. Slot 0 of a level is
	// never in the future, since a timer's digit is greater than the present one's; level 0's is the list that is due.
	levelsUsed uint64
	slotsUsed  [levels]uint64

	nodes slab
}

// New returns a wheel at the given time, in ticks, with no timers until Grow.
func New(now uint64) *Wheel {
	w := &Wheel{now: now}
	w.nodes.grow(firstNode)
	for h := uint32(firstHead); h < firstNode; h++ {
		w.clear(h)
	}
	return w
}

// Grow makes timers 0 to n-1 usable, unarmed if they are new, and leaves those that there are as they are. It never
// makes fewer. Storage comes in chunks of 32 KiB for 2048 timers, which are never copied: what a call costs depends on
// the number of timers added, not on those that exist. It panics if n is over 4,000,000,000.
func (w *Wheel) Grow(n int) {
	if uint64(max(n, 0)) > 4_000_000_000 {
		panic("wheel: Grow to more timers than can be numbered")
	}
	if n <= int(w.size) {
		return
	}
	w.nodes.grow(firstNode + uint32(n))
	w.size = uint32(n)
}

// Set arms timer id for time at, in ticks, or moves it there. If that is past or present, the next Expired has it.
func (w *Wheel) Set(id uint32, at uint64) {
	i := w.number(id)
	n := w.nodes.at(i)
	if n.next != 0 {
		w.unlink(n)
	}
	n.at = at
	w.link(i, n)
}

// Stop disarms timer id, if it is armed.
func (w *Wheel) Stop(id uint32) {
	n := w.nodes.at(w.number(id))
	if n.next != 0 {
		w.unlink(n)
	}
}

// Armed says whether timer id is set and has neither been stopped nor come out of Expired.
func (w *Wheel) Armed(id uint32) bool {
	return w.nodes.at(w.number(id)).next != 0
}

// number returns the number of timer id's node. An id that Grow has not made usable is a mistake of the caller's.
func (w *Wheel) number(id uint32) uint32 {
	if id >= w.size {
		panic("wheel: timer beyond Grow")
	}
	return firstNode + id
}

// head returns the list for a timer set for time at.
func (w *Wheel) head(at uint64) uint32 {
	if at <= w.now {
		return due
	}
	level := uint32(bits.Len64(at^w.now)-1) / digitBits
	digit := uint32(at>>(level*digitBits)) % slots
	return firstHead + level*slots + digit
}

// span returns the first tick of a head's slot, and the last.
func (w *Wheel) span(h uint32) (first, last uint64) {
	level, digit := (h-firstHead)/slots, (h-firstHead)%slots
	shift := level * digitBits
	above := w.now >> (shift + digitBits) << (shift + digitBits)
	first = above | uint64(digit)<<shift
	return first, first | (1<<shift - 1)
}

// earliest returns the head of the first list in time, and false if there are no timers.
func (w *Wheel) earliest() (h uint32, ok bool) {
	if w.levelsUsed == 0 {
		return 0, false
	}
	level := uint32(bits.TrailingZeros64(w.levelsUsed))
	digit := uint32(bits.TrailingZeros64(w.slotsUsed[level]))
	return firstHead + level*slots + digit, true
}

// Next returns a time, in ticks, before which no timer comes due, and false if none is armed. It may be early: it is
// where the first slot in use begins. Expired at that time then finds nothing to fire, and Next is closer: after 11 such
// calls, one for each level, at the latest, a timer fires.
func (w *Wheel) Next() (at uint64, ok bool) {
	h, ok := w.earliest()
	if !ok {
		return 0, false
	}
	if h == due {
		return w.now, true
	}
	at, _ = w.span(h)
	return at, true
}
