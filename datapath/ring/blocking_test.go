// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBlockingTransfer(t *testing.T) {
	const total = 100_000
	for _, capacity := range []int{2, 64} {
		b, err := NewBlocking[int](capacity)
		require.NoError(t, err)
		go func() {
			defer b.Close()
			s := newStaller(1)
			batch := make([]int, 0, 100)
			for i := 0; i < total; {
				s.stall()
				batch = batch[:0]
				for range min(s.rng.IntN(100), total-i) {
					batch = append(batch, i)
					i++
				}
				if s.rng.IntN(2) == 0 {
					b.PushBatch(batch)
					continue
				}
				for _, v := range batch {
					b.Push(v)
				}
			}
		}()
		s := newStaller(2)
		next, wrong := 0, 0
		dst := make([]int, 32)
		for {
			s.stall()
			n := 0
			if s.rng.IntN(2) == 0 {
				n = b.PopBatch(dst)
			} else if v, ok := b.Pop(); ok {
				dst[0], n = v, 1
			}
			if n == 0 {
				break
			}
			for _, v := range dst[:n] {
				if v != next {
					wrong++
				}
				next++
			}
		}
		require.Zero(t, wrong)
		require.Equal(t, total, next)
	}
}

// TestBlockingSleeps uses synctest, whose clock moves only while all goroutines sleep.
func TestBlockingSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBlocking[int](2)
		require.NoError(t, err)
		go func() {
			time.Sleep(time.Second)
			b.PushBatch([]int{1, 2, 3})
		}()
		began := time.Now()
		v, ok := b.Pop()
		require.True(t, ok)
		require.Equal(t, 1, v)
		require.Equal(t, time.Second, time.Since(began))
		synctest.Wait()
		for _, want := range []int{2, 3} {
			v, _ = b.Pop()
			require.Equal(t, want, v)
		}
	})
}

func TestBlockingClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBlocking[int](2)
		require.NoError(t, err)
		require.Equal(t, 2, b.PushBatch([]int{1, 2}))
		full := make(chan bool)
		go func() { full <- b.Push(3) }()
		synctest.Wait()
		b.Close()
		b.Close()
		require.False(t, <-full)
		require.Zero(t, b.PushBatch([]int{4}))

		dst := make([]int, 4)
		require.Equal(t, 2, b.PopBatch(dst), "what was pushed before Close stays")
		require.Zero(t, b.PopBatch(dst))
		_, ok := b.Pop()
		require.False(t, ok)
		require.Zero(t, b.PopBatch(nil))
	})
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBlocking[int](2)
		require.NoError(t, err)
		empty := make(chan bool)
		go func() { _, ok := b.Pop(); empty <- ok }()
		synctest.Wait()
		b.Close()
		require.False(t, <-empty)
	})
}

func TestBlockingDoesNotAllocate(t *testing.T) {
	b, err := NewBlocking[[]byte](4)
	require.NoError(t, err)
	item := []byte("abc")
	require.Zero(t, testing.AllocsPerRun(100, func() { b.Push(item); b.Pop() }))
}
