// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// TestNoLostWakeUp passes a turn to and fro between sleepers that never spin; a lost wake-up would hang.
func TestNoLostWakeUp(t *testing.T) {
	const turns = 20_000
	for _, spins := range []int{0, 10} {
		var turn atomic.Uint64
		waiters := [2]*Waiter{NewWaiter(spins), NewWaiter(spins)}
		var wg sync.WaitGroup
		for me := range uint64(2) {
			wg.Go(func() {
				for i := me; i < turns; i += 2 {
					waiters[me].Wait(nil, func() bool { return turn.Load() == i })
					turn.Store(i + 1)
					waiters[1-me].Wake()
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, turns, turn.Load())
	}
}

// TestManyWakers wakes one sleeper from several goroutines, with more calls than sleeps.
func TestManyWakers(t *testing.T) {
	const wakers, each = 4, 3_000
	w := NewWaiter(0)
	var made atomic.Int64
	var wg sync.WaitGroup
	for range wakers {
		wg.Go(func() {
			for range each {
				made.Add(1)
				w.Wake()
				w.Wake()
			}
		})
	}
	for used := int64(0); used < wakers*each; used = made.Load() {
		require.True(t, w.Wait(nil, func() bool { return made.Load() > used }))
	}
	wg.Wait()
	require.Empty(t, w.token, "no token is left behind")
	require.Equal(t, awake, w.state.Load())
}

func TestWaitIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWaiter(3)
		done := make(chan struct{})
		result := make(chan bool)
		go func() { result <- w.Wait(done, func() bool { return false }) }()
		synctest.Wait() // asleep
		w.Wake()        // for nothing
		synctest.Wait() // asleep again
		require.Equal(t, asleep, w.state.Load())
		close(done)
		require.False(t, <-result)
		require.Equal(t, awake, w.state.Load())
		require.True(t, w.Wait(done, func() bool { return true }))
	})
}

func TestWaiterDoesNotAllocate(t *testing.T) {
	w := NewWaiter(0)
	n := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		n++
		w.Wait(nil, func() bool { return n > 0 }) // true at the look between storing asleep and sleeping
		w.Wake()
	}))
}
