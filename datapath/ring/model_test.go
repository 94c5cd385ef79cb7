// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestModel does random operations on each ring and on a slice, and compares all results.
func TestModel(t *testing.T) {
	for _, k := range kinds[int]() {
		t.Run(k.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				capacity := 1 << rapid.IntRange(1, 5).Draw(t, "log2 capacity")
				start := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom(starts)).Draw(t, "start")
				q, err := k.new(capacity, start)
				require.NoError(t, err)
				m := &model{q: q, capacity: capacity}
				t.Repeat(m.actions())
			})
		})
	}
}

// A model is the slice of items that the ring should hold.
type model struct {
	q        queue[int]
	capacity int
	items    []int
	last     int // the last item made, so that all differ
}

// fresh makes n items.
func (m *model) fresh(n int) []int {
	s := make([]int, n)
	for i := range s {
		m.last++
		s[i] = m.last
	}
	return s
}

func (m *model) actions() map[string]func(*rapid.T) {
	size := rapid.IntRange(0, m.capacity+2)
	a := map[string]func(*rapid.T){
		"push": func(t *rapid.T) {
			v := m.fresh(1)
			ok := m.q.Push(v[0])
			require.Equal(t, len(m.items) < m.capacity, ok)
			if ok {
				m.items = append(m.items, v...)
			}
		},
		"pop": func(t *rapid.T) {
			v, ok := m.q.Pop()
			require.Equal(t, len(m.items) > 0, ok)
			if ok {
				require.Equal(t, m.items[0], v)
				m.items = m.items[1:]
			}
		},
	}
	if b, ok := m.q.(batchQueue[int]); ok {
		a["push batch"] = func(t *rapid.T) {
			src := m.fresh(size.Draw(t, "n"))
			n := b.PushBatch(src)
			require.Equal(t, min(len(src), m.capacity-len(m.items)), n)
			m.items = append(m.items, src[:n]...)
		}
		a["pop batch"] = func(t *rapid.T) {
			dst := make([]int, size.Draw(t, "n"))
			n := b.PopBatch(dst)
			require.Equal(t, min(len(dst), len(m.items)), n)
			require.Equal(t, append([]int{}, m.items[:n]...), dst[:n])
			m.items = m.items[n:]
		}
	}
	if r, ok := m.q.(*SPSC[int]); ok {
		m.inPlace(a, r, size)
	}
	return a
}

func (m *model) inPlace(a map[string]func(*rapid.T), r *SPSC[int], size *rapid.Generator[int]) {
	a["reserve and commit"] = func(t *rapid.T) {
		want := size.Draw(t, "n")
		slots := r.Reserve(want)
		room := m.capacity - len(m.items)
		require.LessOrEqual(t, len(slots), min(want, room))
		require.Equal(t, min(want, room) > 0, len(slots) > 0)
		n := rapid.IntRange(0, len(slots)).Draw(t, "commit")
		src := m.fresh(n)
		copy(slots, src)
		r.Commit(n)
		m.items = append(m.items, src...)
	}
	a["peek and release"] = func(t *rapid.T) {
		want := size.Draw(t, "n")
		slots := r.Peek(want)
		require.LessOrEqual(t, len(slots), min(want, len(m.items)))
		require.Equal(t, min(want, len(m.items)) > 0, len(slots) > 0)
		require.Equal(t, append([]int{}, m.items[:len(slots)]...), append([]int{}, slots...))
		n := rapid.IntRange(0, len(slots)).Draw(t, "release")
		r.Release(n)
		m.items = m.items[n:]
	}
	a[""] = func(t *rapid.T) { require.Equal(t, len(m.items), r.Len()) }
}
