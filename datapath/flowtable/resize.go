// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

// moving says whether there are two arrays.
func (t *Table) moving() bool { return t.old.mask != 0 }

// resize makes the current array the old one, and begins with a new one of 1<<log slots.
func (t *Table) resize(log uint8) {
	t.old = t.cur
	t.use(makeArray(log))
	t.begin, t.moved = 0, 0
	for t.old.at(t.begin) != 0 {
		t.begin++ // to the end of the run that goes around the array's end, if there is one
	}
}

// oldStart returns the slot of the old array where probes for a tag begin: its home, or the first slot that is left if
// home has been moved. A run of entries may have been moved in part, with the rest of it there.
func (t *Table) oldStart(tag uint32) uint32 {
	home := t.old.home(tag)
	if (home-t.begin)&t.old.mask < t.moved {
		return (t.begin + t.moved) & t.old.mask
	}
	return home
}

// step moves the entries of the next stepSlots slots of the old array, and ends the move after the last. Slots aren't
// emptied, for oldStart keeps probes away from them, and probes end at begin, if not before: it is empty and stays so.
func (t *Table) step() {
	for range stepSlots {
		i := (t.begin + t.moved) & t.old.mask
		if e := t.old.at(i); e != 0 {
			t.cur.put(uint32(e>>32), e)
		}
		t.moved++
		// The piece where moving began is needed until the end.
		if last := i%pieceSize == pieceSize-1; last && i>>pieceBits != t.begin>>pieceBits {
			t.old.pieces[i>>pieceBits] = &blank
		}
	}
	if t.moved > t.old.mask {
		t.old = none
	}
}
