// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func newCache(t require.TestingT, p *Pool, size int) *Cache {
	c, err := p.NewCache(size)
	require.NoError(t, err)
	return c
}

func TestCacheSize(t *testing.T) {
	p, err := New(Config{Buffers: 4, Size: 1})
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 1, CacheMost + 1} {
		c, err := p.NewCache(size)
		require.ErrorContains(t, err, "making cache of packet buffers: size ")
		require.Nil(t, c)
	}
	for _, size := range []int{2, 3, CacheMost} {
		require.NotNil(t, newCache(t, p, size))
	}
}

// A cacheModel is two caches before a pool, with slices of offsets for stacks.
type cacheModel struct {
	free []int
	held [2][]int
	size [2]int
}

// get returns what a cache's GetBatch of n finds, in its order.
func (m *cacheModel) get(c, n int) (got []int) {
	for len(got) < n {
		if len(m.held[c]) == 0 {
			m.held[c], m.free = pop(m.free, m.size[c]/2)
		}
		if len(m.held[c]) == 0 {
			return got
		}
		var one []int
		one, m.held[c] = pop(m.held[c], 1)
		got = append(got, one...)
	}
	return got
}

// put puts a batch to a cache, moving the lower half of it if there is no room.
func (m *cacheModel) put(c int, batch []int) {
	half := m.size[c] / 2
	reversed := slices.Clone(batch)
	slices.Reverse(reversed)
	if len(batch) > half {
		m.free = append(m.free, reversed...)
		return
	}
	if len(m.held[c])+len(batch) > m.size[c] {
		m.free = append(m.free, m.held[c][:half]...)
		m.held[c] = m.held[c][half:]
	}
	m.held[c] = append(m.held[c], reversed...)
}

// pop takes up to n from the end of a stack, in the stack's order.
func pop(stack []int, n int) (top, rest []int) {
	at := len(stack) - min(n, len(stack))
	return slices.Clone(stack[at:]), slices.Clone(stack[:at])
}

// TestCacheModel compares which buffers two caches and their pool give with a model's.
func TestCacheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buffers := rapid.IntRange(1, 300).Draw(t, "buffers")
		p, err := New(Config{Buffers: buffers, Size: 1})
		require.NoError(t, err)
		var m cacheModel
		for i := range buffers {
			m.free = append(m.free, buffers-1-i)
		}
		var caches [2]*Cache
		for i := range caches {
			m.size[i] = rapid.OneOf(rapid.IntRange(2, 9), rapid.Just(CacheMost)).Draw(t, "size")
			caches[i] = newCache(t, p, m.size[i])
		}
		owned := []Buffer{}
		which := func(t *rapid.T) int { return rapid.IntRange(0, 1).Draw(t, "cache") }
		batch := func(t *rapid.T) []Buffer {
			n := rapid.IntRange(0, len(owned)).Draw(t, "n")
			bufs := slices.Clone(owned[:n])
			owned = owned[n:]
			return bufs
		}
		t.Repeat(map[string]func(*rapid.T){
			"Get": func(t *rapid.T) {
				c := which(t)
				want := m.get(c, 1)
				b, ok := caches[c].Get()
				require.Equal(t, len(want) == 1, ok)
				if ok {
					require.Equal(t, want[0], b.Offset())
					owned = append(owned, b)
				}
			},
			"GetBatch": func(t *rapid.T) {
				c, bufs := which(t), make([]Buffer, rapid.IntRange(0, 200).Draw(t, "n"))
				want := m.get(c, len(bufs))
				bufs = bufs[:caches[c].GetBatch(bufs)]
				require.Equal(t, append([]int{}, want...), offsets(bufs))
				owned = append(owned, bufs...)
			},
			"Put": func(t *rapid.T) {
				if len(owned) == 0 {
					t.Skip("no buffer is owned")
				}
				c, b := which(t), owned[0]
				owned = owned[1:]
				m.put(c, offsets([]Buffer{b}))
				caches[c].Put(b)
			},
			"PutBatch": func(t *rapid.T) {
				c, bufs := which(t), batch(t)
				m.put(c, offsets(bufs))
				caches[c].PutBatch(bufs)
			},
			"PutBatch to the pool": func(t *rapid.T) {
				bufs := batch(t)
				for _, at := range slices.Backward(offsets(bufs)) {
					m.free = append(m.free, at)
				}
				p.PutBatch(bufs)
			},
			"Flush": func(t *rapid.T) {
				c := which(t)
				m.free, m.held[c] = append(m.free, m.held[c]...), nil
				caches[c].Flush()
			},
		})
		// No buffer is lost, and none is there twice.
		p.PutBatch(owned)
		caches[0].Flush()
		caches[1].Flush()
		all := make([]Buffer, buffers+1)
		require.Equal(t, buffers, p.GetBatch(all))
		at := offsets(all[:buffers])
		slices.Sort(at)
		for i := range at {
			require.Equal(t, i, at[i])
		}
	})
}

func TestCacheNoAllocations(t *testing.T) {
	p, err := New(Config{Buffers: 300, Size: 256, Headroom: 64})
	require.NoError(t, err)
	from, to := newCache(t, p, 32), newCache(t, p, CacheMost)
	bufs := make([]Buffer, 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, n := range []int{1, 9, 32, 100} {
			got := from.GetBatch(bufs[:n])
			to.PutBatch(bufs[:got])
			b, ok := from.Get()
			if !ok {
				panic("no buffer")
			}
			to.Put(b)
		}
		to.Flush()
	}))
}
