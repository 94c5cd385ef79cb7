// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

// clear makes a head's list empty, and says so in the bits.
func (w *Wheel) clear(h uint32) {
	head := w.nodes.at(h)
	head.next, head.prev = h, h
	level, digit := (h-firstHead)/slots, (h-firstHead)%slots
	w.slotsUsed[level] &^= 1 << digit
	if w.slotsUsed[level] == 0 {
		w.levelsUsed &^= 1 << level
	}
}

// mark says in the bits that a head's list isn't empty.
func (w *Wheel) mark(h uint32) {
	level, digit := (h-firstHead)/slots, (h-firstHead)%slots
	w.slotsUsed[level] |= 1 << digit
	w.levelsUsed |= 1 << level
}

// link hangs node i, whose time is set and which is in no list, at the end of the list where it belongs.
func (w *Wheel) link(i uint32, n *node) {
	h := w.head(n.at)
	head := w.nodes.at(h)
	n.next, n.prev = h, head.prev
	w.nodes.at(head.prev).next = i
	head.prev = i
	w.mark(h)
}

// unlink takes a node out of its list.
func (w *Wheel) unlink(n *node) {
	next, prev := n.next, n.prev
	n.next, n.prev = 0, 0
	if next == prev && next < firstNode {
		// It was alone with the head.
		w.clear(next)
		return
	}
	w.nodes.at(next).prev = prev
	w.nodes.at(prev).next = next
}
