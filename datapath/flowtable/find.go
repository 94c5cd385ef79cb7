// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

// A Cursor is where a look-up is. It is good until the table's next Insert or Delete.
type Cursor struct {
	tag  uint32
	next uint32 // the slot to look at next
	old  bool   // in the old array
}

// Find returns the first reference that was stored under a hash with this one's tag, and false if there is none. Further
// ones come from Next.
func (t *Table) Find(hash uint64, c *Cursor) (ref uint32, ok bool) {
	tag := tagOf(hash)
	a := t.cur // a copy, which needs no loading in each turn
	for i := a.home(tag); ; i = (i + 1) & a.mask {
		e := a.at(i)
		if uint32(e>>32) == tag {
			*c = Cursor{tag: tag, next: (i + 1) & a.mask}
			return uint32(e), true
		}
		if e == 0 {
			break
		}
	}
	if !t.moving() {
		return 0, false
	}
	*c = Cursor{tag: tag, next: t.oldStart(tag), old: true}
	return t.Next(c)
}

// Next returns the next reference after that which Find or Next returned last.
func (t *Table) Next(c *Cursor) (ref uint32, ok bool) {
	if !c.old {
		if ref, ok = t.cur.next(c); ok || !t.moving() {
			return ref, ok
		}
		c.old, c.next = true, t.oldStart(c.tag)
	}
	return t.old.next(c)
}

func (a *array) next(c *Cursor) (ref uint32, ok bool) {
	for {
		e := a.at(c.next)
		if e == 0 {
			return 0, false
		}
		c.next = (c.next + 1) & a.mask
		if uint32(e>>32) == c.tag {
			return uint32(e), true
		}
	}
}

// Touch reads the slot where Find will begin, for its cache line to be on the way by then: touch a batch of hashes, then
// find them. The word returned means nothing, but has to be used (exclusive or of all of a batch, into a field), or the
// compiler leaves the read out.
func (t *Table) Touch(hash uint64) (word uint64) {
	// No need of tagOf, for 0 and 1 have one home, nor of oldStart, for all homes that have been moved have one slot
	// instead of theirs, which is in the cache. Without branches it is inlined.
	tag := uint32(hash >> 32)
	return t.cur.at(t.cur.home(tag)) ^ t.old.at(t.old.home(tag))
}
