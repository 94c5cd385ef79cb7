// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnds(t *testing.T) {
	for _, hash := range []uint64{0, 1, 1 << 32, math.MaxUint32, 1 << 63, math.MaxUint64} {
		for _, ref := range []uint32{0, 1, math.MaxUint32} {
			table := New(0)
			require.Empty(t, found(table, hash))
			table.Insert(hash, ref)
			require.Equal(t, []uint32{ref}, found(table, hash))
			require.False(t, table.Delete(hash, ref^1))
			require.True(t, table.Delete(hash, ref))
			require.False(t, table.Delete(hash, ref))
			require.Empty(t, found(table, hash))
			require.Zero(t, table.Len())
		}
	}
}

func TestCapacity(t *testing.T) {
	for _, n := range []int{0, 1, 10, 11, 128, 5000, 65536} {
		table := New(n)
		log := table.cur.log
		for i := range n {
			table.Insert(mix(uint64(i)), uint32(i))
		}
		require.False(t, table.moving(), n)
		for i := range n {
			require.True(t, table.Delete(mix(uint64(i)), uint32(i)))
		}
		require.Equal(t, log, table.cur.log, "it must not shrink below its capacity")
	}
	require.Panics(t, func() { New(-1) })
	require.Panics(t, func() { New(MaxLen + 1) })
	require.GreaterOrEqual(t, limit(maxLog), MaxLen)

	table := New(0)
	table.len = MaxLen // without the 8 GiB that it takes
	require.Panics(t, func() { table.Insert(0, 0) })
}

// work is what an operation has done: entries that it has moved from the old array, and pieces that it has made.
func work(t *Table, f func()) (moved, pieces int) {
	before, log, made := left(t), t.cur.log, own(&t.cur)
	f()
	if t.cur.log != log {
		return 0, own(&t.cur) // a new size: nothing is moved by the operation that begins it
	}
	return before - left(t), own(&t.cur) - made
}

// left counts the entries in the old array that have not been moved.
func left(t *Table) (n int) {
	if t.moving() {
		for i := t.moved; i <= t.old.mask; i++ {
			if t.old.at((t.begin+i)&t.old.mask) != 0 {
				n++
			}
		}
	}
	return n
}

func own(a *array) (n int) {
	for _, p := range a.pieces {
		if p != &blank {
			n++
		}
	}
	return n
}

// TestBoundedWork counts what each operation does while a table grows from nothing to 10,000 entries and shrinks again.
func TestBoundedWork(t *testing.T) {
	const n = 10_000
	table := New(0)
	changes := 0
	check := func(f func(), deleted int) {
		log := table.cur.log
		moved, pieces := work(table, f)
		if table.cur.log != log {
			changes++
		}
		// A Delete may also take its own entry from the old array.
		require.LessOrEqual(t, moved, stepSlots+deleted)
		// Slots are moved in order, to at most two pieces of the new array, and one entry is inserted.
		require.LessOrEqual(t, pieces, 3)
		require.LessOrEqual(t, table.len, limit(table.cur.log), "moving must end before the array is full")
	}
	for i := range n {
		check(func() { table.Insert(mix(uint64(i)), uint32(i)) }, 0)
	}
	require.Equal(t, 10, changes, "16 slots to 16,384")
	for i := range n {
		check(func() { require.True(t, table.Delete(mix(uint64(i)), uint32(i))) }, 1)
	}
	for range 10 {
		check(func() { table.Insert(0, 0) }, 0)
		check(func() { require.True(t, table.Delete(0, 0)) }, 1)
	}
	require.Equal(t, 20, changes, "and back again")
	require.Equal(t, table.floor, table.cur.log)
}

// TestPiecesAreLetGo looks for what growing and shrinking leave behind.
func TestPiecesAreLetGo(t *testing.T) {
	const n = 200_000
	table := New(0)
	// The piece being moved is kept, and that where moving began.
	check := func() {
		if table.moving() {
			require.LessOrEqual(t, own(&table.old), int(table.old.mask-table.moved)/pieceSize+2)
		}
	}
	for i := range n {
		table.Insert(mix(uint64(i)), uint32(i))
		check()
	}
	for i := range n {
		table.Delete(mix(uint64(i)), uint32(i))
		check()
	}
	for range 100 {
		table.Insert(1, 1)
		table.Delete(1, 1)
	}
	require.False(t, table.moving())
	require.Equal(t, 1, own(&table.cur))
	require.Equal(t, piece{}, blank, "it must never be written")
}

// TestEqualTags fills a table with one tag's entries, more than a piece holds: slow, but right.
func TestEqualTags(t *testing.T) {
	const n = pieceSize + 100
	for _, hash := range []uint64{0, math.MaxUint64} {
		table := New(0)
		for i := range n {
			table.Insert(hash, uint32(i))
		}
		require.Len(t, found(table, hash), n)
		for i := range n {
			require.True(t, table.Delete(hash, uint32(i)))
		}
		require.Empty(t, found(table, hash))
	}
}

// TestRunAroundTheEnd finds every entry after each operation, while the array changes size under a run that goes around
// its end.
func TestRunAroundTheEnd(t *testing.T) {
	table := New(0)
	var hashes []uint64
	for i := range uint64(100) {
		hashes = append(hashes, math.MaxUint64-i<<34, i<<34, mix(i))
	}
	for i, h := range hashes {
		table.Insert(h, uint32(i))
		for j, h := range hashes[:i+1] {
			require.Contains(t, found(table, h), uint32(j))
		}
	}
	for i, h := range hashes {
		require.True(t, table.Delete(h, uint32(i)))
		for j, h := range hashes[i+1:] {
			require.Contains(t, found(table, h), uint32(i+1+j))
		}
	}
}

func TestNoAllocation(t *testing.T) {
	resting, moving := filled(1000), New(0)
	for i := range limit(14) + 100 {
		moving.Insert(mix(uint64(i)), uint32(i))
	}
	require.True(t, moving.moving())
	var c Cursor
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, table := range []*Table{resting, moving} {
			for i := range uint64(100) {
				sink ^= table.Touch(mix(i))
				for ref, ok := table.Find(mix(i), &c); ok; ref, ok = table.Next(&c) {
					sink ^= uint64(ref)
				}
			}
		}
	}))
	i := uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		resting.Delete(mix(i), uint32(i))
		resting.Insert(mix(i+1000), uint32(i+1000))
		i++
	}))
}
