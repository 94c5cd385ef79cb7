// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestModel does random operations on a table and on a map of tags to references, and compares all results.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Of tags that are near each other, or far, or equal; at both ends of the array, so that runs go around.
		upper := rapid.OneOf(
			rapid.Uint32(),
			rapid.Uint32Range(0, 3),
			rapid.Uint32Range(math.MaxUint32-3, math.MaxUint32),
			rapid.Map(rapid.Uint32Range(0, 400), func(n uint32) uint32 { return uint32(mix(uint64(n)) >> 32) }),
			rapid.Map(rapid.Uint32Range(0, 7), func(n uint32) uint32 { return 1<<31 + n<<20 }),
		)
		hash := rapid.Custom(func(t *rapid.T) uint64 {
			return uint64(upper.Draw(t, "upper"))<<32 | uint64(rapid.Uint32().Draw(t, "lower"))
		})
		m := &model{
			t:    New(rapid.IntRange(0, 300).Draw(t, "capacity")),
			refs: map[uint32][]uint32{},
			hash: hash,
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert":        m.insert,
			"insert many":   m.insertMany,
			"delete":        m.delete,
			"delete many":   m.deleteMany,
			"delete absent": m.deleteAbsent,
			"find":          m.findAny,
			"":              m.check,
		})
	})
}

// A model is what the table should hold.
type model struct {
	t    *Table
	refs map[uint32][]uint32 // of each tag
	all  []entry
	hash *rapid.Generator[uint64]
}

type entry struct {
	hash uint64
	ref  uint32
}

var refs = rapid.OneOf(rapid.Uint32Range(0, 2), rapid.Just(uint32(math.MaxUint32)), rapid.Uint32())

func (m *model) add(hash uint64, ref uint32) {
	m.t.Insert(hash, ref)
	m.refs[tagOf(hash)] = append(m.refs[tagOf(hash)], ref)
	m.all = append(m.all, entry{hash, ref})
}

func (m *model) insert(t *rapid.T) { m.add(m.hash.Draw(t, "hash"), refs.Draw(t, "ref")) }

func (m *model) insertMany(t *rapid.T) {
	first := rapid.Uint64().Draw(t, "first")
	for i := range uint64(rapid.IntRange(1, 200).Draw(t, "n")) {
		m.add(mix(first+i), uint32(i))
	}
}

func (m *model) drop(t require.TestingT, i int) {
	e := m.all[i]
	require.True(t, m.t.Delete(e.hash, e.ref))
	m.all = slices.Delete(m.all, i, i+1)
	tag := tagOf(e.hash)
	at := slices.Index(m.refs[tag], e.ref)
	m.refs[tag] = slices.Delete(m.refs[tag], at, at+1)
}

func (m *model) delete(t *rapid.T) {
	if len(m.all) > 0 {
		m.drop(t, rapid.IntRange(0, len(m.all)-1).Draw(t, "entry"))
	}
}

func (m *model) deleteMany(t *rapid.T) {
	for n := rapid.IntRange(0, len(m.all)).Draw(t, "n"); n > 0; n-- {
		m.drop(t, n*7919%len(m.all))
	}
}

func (m *model) deleteAbsent(t *rapid.T) {
	hash, ref := m.hash.Draw(t, "hash"), refs.Draw(t, "ref")
	if !slices.Contains(m.refs[tagOf(hash)], ref) {
		require.False(t, m.t.Delete(hash, ref))
	}
}

func (m *model) findAny(t *rapid.T) { m.find(t, m.hash.Draw(t, "hash")) }

// find compares all that a look-up offers, in any order.
func (m *model) find(t require.TestingT, hash uint64) {
	got := found(m.t, hash)
	want := slices.Clone(m.refs[tagOf(hash)])
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(t, len(want), len(got))
	require.True(t, slices.Equal(want, got))
}

func found(t *Table, hash uint64) (all []uint32) {
	var c Cursor
	for ref, ok := t.Find(hash, &c); ok; ref, ok = t.Next(&c) {
		all = append(all, ref)
	}
	return all
}

func (m *model) check(t *rapid.T) {
	require.Equal(t, len(m.all), m.t.Len())
	for _, e := range m.all {
		m.find(t, e.hash)
	}
}
