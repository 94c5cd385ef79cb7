// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// queue is what all rings can do.
type queue[T any] interface {
	Cap() int
	Push(T) bool
	Pop() (T, bool)
}

// batchQueue is what all but SlotSPSC can do besides.
type batchQueue[T any] interface {
	queue[T]
	PushBatch([]T) int
	PopBatch([]T) int
}

// made makes *R a queue, or nil after an error.
func made[T any, Q queue[T]](q Q, err error) (queue[T], error) {
	if err != nil {
		return nil, err
	}
	return q, nil
}

type kind[T any] struct {
	name string
	new  func(capacity int, start uint64) (queue[T], error)
}

func kinds[T any]() []kind[T] {
	return []kind[T]{
		{"spsc", func(c int, s uint64) (queue[T], error) { r, err := newSPSC[T](c, s); return made[T](r, err) }},
		{"slotspsc", func(c int, s uint64) (queue[T], error) { r, err := newSlotSPSC[T](c, s); return made[T](r, err) }},
		{"mpsc", func(c int, s uint64) (queue[T], error) { r, err := newMPSC[T](c, s); return made[T](r, err) }},
		{"mpmc", func(c int, s uint64) (queue[T], error) { r, err := newMPMC[T](c, s); return made[T](r, err) }},
	}
}

// starts are positions to begin at: zero, and so close to the end that indexes wrap around within the tests.
var starts = []uint64{0, math.MaxUint64, math.MaxUint64 - 2, math.MaxUint64 - 7, math.MaxInt64 - 3}

// eachKind runs f on every kind of ring, from every start.
func eachKind[T any](t *testing.T, f func(t *testing.T, make func(capacity int) queue[T])) {
	for _, k := range kinds[T]() {
		t.Run(k.name, func(t *testing.T) {
			for _, start := range starts {
				f(t, func(capacity int) queue[T] {
					q, err := k.new(capacity, start)
					require.NoError(t, err)
					return q
				})
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	for _, k := range kinds[byte]() {
		for _, c := range []int{math.MinInt, -8, -1, 0, 1, 3, 6, 1000, 1<<30 + 1, math.MaxInt} {
			q, err := k.new(c, 0)
			require.ErrorIs(t, err, ErrCapacity, "%s of %d", k.name, c)
			require.Nil(t, q)
		}
		for _, c := range []int{2, 4, 1024} {
			q, err := k.new(c, 0)
			require.NoError(t, err)
			require.Equal(t, c, q.Cap())
		}
	}
	_, err := NewBlocking[byte](3)
	require.ErrorIs(t, err, ErrCapacity)
}

func TestFillAndDrain(t *testing.T) {
	eachKind(t, func(t *testing.T, make func(int) queue[int]) {
		for _, capacity := range []int{2, 4, 16} {
			q := make(capacity)
			for lap := range 5 {
				for i := range capacity {
					require.True(t, q.Push(lap*100+i))
				}
				require.False(t, q.Push(-1), "full")
				for i := range capacity {
					v, ok := q.Pop()
					require.True(t, ok)
					require.Equal(t, lap*100+i, v)
				}
				v, ok := q.Pop()
				require.False(t, ok, "empty")
				require.Zero(t, v)
				require.True(t, q.Push(1)) // the next lap begins one slot on
				_, ok = q.Pop()
				require.True(t, ok)
			}
		}
	})
}

// TestBatchSizes pushes and pops batches of all sizes at all offsets into a ring of 8.
func TestBatchSizes(t *testing.T) {
	eachKind(t, func(t *testing.T, make func(int) queue[int]) {
		for offset := range 8 {
			for n := range 12 {
				q, ok := make(8).(batchQueue[int])
				if !ok {
					return // SlotSPSC has no batches
				}
				for range offset {
					q.Push(-1)
					q.Pop()
				}
				src := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}[:n]
				want := min(n, 8)
				require.Equal(t, want, q.PushBatch(src))
				dst := append([]int(nil), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
				require.Equal(t, want, q.PopBatch(dst))
				require.Equal(t, src[:want], dst[:want])
				require.Zero(t, q.PopBatch(dst))
			}
		}
	})
}

func TestPoppedPointersAreDropped(t *testing.T) {
	slotsOf := func(q queue[*int]) (held int) {
		count := func(s []slot[*int]) {
			for i := range s {
				if s[i].v != nil {
					held++
				}
			}
		}
		switch r := q.(type) {
		case *SPSC[*int]:
			for _, p := range r.producer.buf {
				if p != nil {
					held++
				}
			}
		case *SlotSPSC[*int]:
			count(r.consumer.slots)
		case *MPSC[*int]:
			count(r.consumer.slots)
		case *MPMC[*int]:
			count(r.slots)
		}
		return held
	}
	eachKind(t, func(t *testing.T, make func(int) queue[*int]) {
		q := make(4)
		for range 4 {
			q.Push(new(int))
		}
		require.Equal(t, 4, slotsOf(q))
		for left := 3; left >= 0; left-- {
			q.Pop()
			require.Equal(t, left, slotsOf(q))
		}
		if b, ok := q.(batchQueue[*int]); ok {
			b.Push(new(int))
			b.Pop()
			b.PushBatch([]*int{new(int), new(int), new(int), new(int)})
			require.Equal(t, 4, slotsOf(q))
			b.PopBatch([]*int{nil, nil, nil, nil})
			require.Zero(t, slotsOf(q))
		}
		if r, ok := q.(*SPSC[*int]); ok {
			r.PushBatch([]*int{new(int), new(int)})
			r.Release(len(r.Peek(1)))
			require.Equal(t, 1, slotsOf(q))
		}
	})
}

func TestHoldsPointers(t *testing.T) {
	type flat struct {
		a uint16
		b [3]struct{ c float64 }
	}
	require.False(t, holdsPointers[uint64]())
	require.False(t, holdsPointers[flat]())
	require.False(t, holdsPointers[[0]*int]())
	require.False(t, holdsPointers[struct{}]())
	require.True(t, holdsPointers[*int]())
	require.True(t, holdsPointers[[]byte]())
	require.True(t, holdsPointers[string]())
	require.True(t, holdsPointers[any]())
	require.True(t, holdsPointers[struct {
		a int
		b [2]func()
	}]())
}

func TestNoAllocations(t *testing.T) {
	eachKind(t, func(t *testing.T, make func(int) queue[uint64]) {
		q := make(8)
		require.Zero(t, testing.AllocsPerRun(100, func() { q.Push(1); q.Pop() }))
		if b, ok := q.(batchQueue[uint64]); ok {
			batch := append([]uint64(nil), 1, 2, 3, 4)
			require.Zero(t, testing.AllocsPerRun(100, func() { b.PushBatch(batch); b.PopBatch(batch) }))
		}
	})
	eachKind(t, func(t *testing.T, make func(int) queue[[]byte]) {
		q, item := make(8), []byte("abc")
		require.Zero(t, testing.AllocsPerRun(100, func() { q.Push(item); q.Pop() }))
	})
	r, err := NewSPSC[uint64](8)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { r.Commit(len(r.Reserve(4))); r.Release(len(r.Peek(4))) }))
}
