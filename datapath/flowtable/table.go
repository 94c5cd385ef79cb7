// SPDX-License-Identifier: MIT OR Apache-2.0

// Package flowtable maps hashes to references, for a connection table: it grows and shrinks a few slots at a time, so
// that no packet waits for the whole of it to be moved.
//
// It knows no keys. It keeps the upper 32 bits of each hash, the tag, with a 32-bit reference to what the caller stores
// elsewhere, in one 64-bit word, and offers every reference whose tag is right. The caller compares keys. In a table of a
// million entries one look-up in about four thousand meets a wrong one.
//
// Slots are probed linearly (Knuth, "The Art of Computer Programming" vol. 3, §6.4, algorithms L and R): eight fit a
// cache line, which is all that most look-ups read, and a deletion closes the gap and leaves no tombstone. The slot where
// a probe begins is the tag's uppermost bits. So tags alone are enough to move entries to an array of another size, and
// moving them in the order of the old array fills the new one in order too.
//
// When the table gets too full, or rather empty, it takes an array of twice or half the size, and from then on each
// Insert and Delete moves what is in the next 16 slots. Look-ups see both arrays. Arrays are made of pieces of
// 32 KiB that are allocated when first written and let go when they have been moved, for clearing a whole array at once
// would be a stop as well.
//
// Hashes should be keyed, so that outsiders can't choose them. Entries with equal tags are a chain, and each operation on
// one of them, or on a slot near by, costs as much as the chain is long: chains end, but they aren't bounded here. Who
// lets others store many entries under one hash bounds their number.
package flowtable

// Table maps 64-bit hashes to 32-bit references. Keys stay with the caller, who compares them. It is for one goroutine
// at a time; readers alone may be several.
type Table struct {
	cur  array // where Insert puts entries
	old  array // what is left of the last one, from slot begin+moved on; none if nothing is
	len  int   // entries in both
	most int   // entries at which cur is given up for one twice as large
	few  int   // entries below which it is given up for one half as large

	begin uint32 // slot of old where moving began; it was empty, so no run of entries crosses it
	moved uint32 // slots of old that have been moved, counted from begin around the array
	floor uint8  // log2 of the fewest slots of cur
}

// stepSlots is how many slots of the old array one Insert or Delete moves, so n/16 of them move an array of n slots. The
// new array, which begins with entries for 5/16 or 1/4 of its slots, isn't full by then, and is at rest before it is
// given up in turn, at 5/8 or 1/8.
const stepSlots = 16

// New returns a table that holds capacity entries before it first grows, and that doesn't shrink below that. It panics
// if capacity is not between 0 and MaxLen.
func New(capacity int) *Table {
	if capacity < 0 || capacity > MaxLen {
		panic("flowtable: capacity out of range")
	}
	log := uint8(minLog)
	for limit(log) < capacity {
		log++
	}
	t := &Table{old: none, floor: log}
	t.use(makeArray(log))
	return t
}

// MaxLen is the number of entries that a table holds at most.
const MaxLen = 1 << 30

// limit is how many entries an array of 1<<log slots should hold at most: 5/8. Beyond that misses get slower, while below
// it hits don't get faster.
func limit(log uint8) int { return 5 << (log - 3) }

// use makes a the current array.
func (t *Table) use(a array) {
	t.cur = a
	t.most = limit(a.log)
	t.few = 0
	if a.log > t.floor {
		t.few = 1 << (a.log - 3)
	}
}

// Len returns the number of entries.
func (t *Table) Len() int { return t.len }

// Insert adds an entry, also if there is an equal one already. It panics at MaxLen entries.
func (t *Table) Insert(hash uint64, ref uint32) {
	if t.len >= MaxLen {
		panic("flowtable: too many entries")
	}
	if t.moving() {
		t.step()
	} else if t.len >= t.most {
		t.resize(t.cur.log + 1)
	}
	tag := tagOf(hash)
	t.cur.put(tag, uint64(tag)<<32|uint64(ref))
	t.len++
}

// Delete removes an entry, or one of several equal ones, and says whether there was one.
func (t *Table) Delete(hash uint64, ref uint32) bool {
	tag := tagOf(hash)
	entry := uint64(tag)<<32 | uint64(ref)
	if !t.cur.remove(t.cur.home(tag), entry) {
		if !t.moving() || !t.old.remove(t.oldStart(tag), entry) {
			return false
		}
	}
	t.len--
	if t.moving() {
		t.step()
	} else if t.len < t.few {
		t.resize(t.cur.log - 1)
	}
	return true
}
