// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmpty(t *testing.T) {
	w := New(7)
	_, ok := w.Next()
	require.False(t, ok)
	require.Zero(t, w.Expired(math.MaxUint64, make([]uint32, 4)))
	w.Grow(-1)
	w.Grow(0)
	for _, id := range []uint32{0, 1, math.MaxUint32} {
		require.Panics(t, func() { w.Set(id, 0) })
		require.Panics(t, func() { w.Stop(id) })
		require.Panics(t, func() { w.Armed(id) })
	}
	require.Panics(t, func() { w.Grow(math.MaxInt) })
	w.Grow(3)
	w.Stop(2)
	require.False(t, w.Armed(2))
	require.Panics(t, func() { w.Set(3, 0) })
}

// TestExact sets a timer for each edge of a level, from each edge, and looks at the tick before and the tick itself.
func TestExact(t *testing.T) {
	var edges []uint64
	for bit := range 64 {
		edges = append(edges, 1<<bit-1, 1<<bit, 1<<bit+1)
	}
	edges = append(edges, math.MaxUint64-1, math.MaxUint64)
	dst := make([]uint32, 2)
	for _, start := range edges {
		w := New(start)
		w.Grow(1)
		for _, at := range edges {
			if at <= w.now {
				continue
			}
			w.Set(0, at)
			require.Zero(t, w.Expired(at-1, dst))
			next, ok := w.Next()
			require.True(t, ok)
			require.Equal(t, at, next)
			require.Equal(t, 1, w.Expired(at, dst))
			require.Equal(t, uint32(0), dst[0])
			require.False(t, w.Armed(0))
		}
	}
}

// TestNoRoom gets no timers when there is no room for them, and keeps them.
func TestNoRoom(t *testing.T) {
	w := New(0)
	w.Grow(3)
	for id := range uint32(3) {
		w.Set(id, uint64(10+id))
	}
	require.Zero(t, w.Expired(20, nil))
	dst := make([]uint32, 2)
	require.Equal(t, 2, w.Expired(20, dst))
	require.Equal(t, 1, w.Expired(20, dst))
	require.Zero(t, w.Expired(20, dst))
}

// TestPoll sleeps until what Next says, again and again: it must not take more wakes than there are levels.
func TestPoll(t *testing.T) {
	for _, at := range []uint64{1, 63, 64, 65, 4095, 4096, 1<<30 + 12345, math.MaxUint64} {
		w := New(0)
		w.Grow(1)
		w.Set(0, at)
		dst := make([]uint32, 1)
		for wakes := 1; ; wakes++ {
			require.LessOrEqual(t, wakes, levels)
			next, ok := w.Next()
			require.True(t, ok)
			require.LessOrEqual(t, next, at)
			if w.Expired(next, dst) == 1 {
				require.Equal(t, at, next)
				break
			}
		}
	}
}

// TestGrowKeeps grows a chunk at a time, with timers armed, and asks all of them back.
func TestGrowKeeps(t *testing.T) {
	const n = 5 * chunkSize
	w := New(0)
	for id := range uint32(n) {
		w.Grow(int(id) + 1)
		require.False(t, w.Armed(id))
		w.Set(id, uint64(id))
	}
	got, dst := 0, make([]uint32, 100)
	for now := uint64(0); now < n+50; now += 50 {
		k := w.Expired(now, dst)
		for _, id := range dst[:k] {
			require.LessOrEqual(t, uint64(id), now)
			require.Greater(t, uint64(id)+50, now)
		}
		got += k
	}
	require.Equal(t, n, got)
}

func TestNoAllocation(t *testing.T) {
	w := New(0)
	w.Grow(1000)
	dst := make([]uint32, 64)
	now := uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for id := range uint32(1000) {
			w.Set(id, now+uint64(id)*37)
		}
		w.Stop(5)
		now += 5000
		for w.Expired(now, dst) == len(dst) {
		}
		sink, _ = w.Next()
	}))
}

// sink keeps the compiler from leaving calls out.
var sink uint64
