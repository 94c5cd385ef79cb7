// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

// Expired advances the wheel to time now, in ticks, and puts timers that are due into dst, disarmed and in no order to
// rely on. It returns how many. If they are len(dst) there may be more, and the wheel may not have advanced all the
// way: call again, once those are dealt with.
//
// A timer comes out of the first Expired whose now is its time or later, and of none before. The wheel's time never
// goes back: if now is before what it was told last, it stays there.
//
// A call costs len(dst), plus one step for each timer that moves from a slot that has begun, but not passed, to a lower
// level. A timer moves at most once a level, so 11 times in its life, and none moves if a jump in time goes past its
// slot. It doesn't allocate.
func (w *Wheel) Expired(now uint64, dst []uint32) int {
	n := 0
	for n < len(dst) {
		h, ok := w.earliest()
		if !ok {
			break
		}
		if h == due {
			n += w.drain(dst[n:])
			continue
		}
		first, last := w.span(h)
		if first > now {
			break
		}
		if last <= now {
			w.pass(h, last)
		} else {
			w.cascade(h, first)
		}
	}
	if n < len(dst) {
		// No slot in use begins until then, so each timer's highest digit that differs stays the same.
		w.now = max(w.now, now)
	}
	return n
}

// drain moves timers from the list that is due into dst, and returns how many.
func (w *Wheel) drain(dst []uint32) int {
	head := w.nodes.at(due)
	i, n := head.next, 0
	for ; i != due && n < len(dst); n++ {
		dst[n] = i - firstNode
		t := w.nodes.at(i)
		i = t.next
		t.next, t.prev = 0, 0
	}
	if i == due {
		w.clear(due)
		return n
	}
	head.next = i
	w.nodes.at(i).prev = due
	return n
}

// pass advances to the end of a slot and makes all its timers due, in one step. The list that is due is empty, and no
// earlier slot is in use.
func (w *Wheel) pass(h uint32, last uint64) {
	from, to := w.nodes.at(h), w.nodes.at(due)
	to.next, to.prev = from.next, from.prev
	w.nodes.at(to.next).prev = due
	w.nodes.at(to.prev).next = due
	w.clear(h)
	w.mark(due)
	w.now = last
}

// cascade advances to the beginning of a slot and hangs each of its timers where it belongs from there, which is in a
// lower level, or due. No earlier slot is in use.
func (w *Wheel) cascade(h uint32, first uint64) {
	i := w.nodes.at(h).next
	w.clear(h)
	w.now = first
	for i != h {
		t := w.nodes.at(i)
		next := t.next
		w.link(i, t)
		i = next
	}
}
