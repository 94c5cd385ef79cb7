// SPDX-License-Identifier: MIT OR Apache-2.0

package pad

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWord(t *testing.T) {
	var u Uint64
	require.Zero(t, u.Load())
	u.Store(7)
	require.EqualValues(t, 7, u.Load())
	require.EqualValues(t, 10, u.Add(3))
	require.EqualValues(t, 9, u.Add(math.MaxUint64))
	require.False(t, u.CompareAndSwap(1, 2))
	require.EqualValues(t, 9, u.Load())
	require.True(t, u.CompareAndSwap(9, math.MaxUint64))
	require.EqualValues(t, uint64(math.MaxUint64), u.Load())
	u.Publish(5)
	require.EqualValues(t, 5, u.Load())
	require.Zero(t, testing.AllocsPerRun(100, func() { u.Publish(u.Load() + 1) }))
}

// TestPublishOrder is the message-passing litmus test: the payload, plain memory, is written before Publish and read
// after Load, and handed back the same way, so that a store or load on the wrong side of a Publish shows as a value of
// another round. Under -race it also shows that Publish and Load are a happens-before edge there.
func TestPublishOrder(t *testing.T) {
	rounds := uint64(100_000)
	if testing.Short() {
		rounds = 20_000
	}
	var there, back Uint64
	var payload [4]struct {
		v uint64
		_ Line
	}
	wrong := make(chan uint64, 1)
	go func() {
		defer close(wrong)
		for i := uint64(1); i <= rounds; i++ {
			for spin := 0; there.Load() != i; spin++ {
				if spin%256 == 255 {
					runtime.Gosched()
				}
			}
			for j := range payload {
				if got := payload[j].v; got != i+uint64(j) {
					wrong <- i
					return
				}
			}
			back.Publish(i)
		}
	}()
	for i := uint64(1); i <= rounds; i++ {
		for j := range payload {
			payload[j].v = i + uint64(j)
		}
		there.Publish(i)
		for spin := 0; back.Load() != i; spin++ {
			if spin%256 == 255 {
				runtime.Gosched()
			}
			select {
			case r, bad := <-wrong:
				if bad {
					t.Fatalf("round %d: payload of another round", r)
				}
			default:
			}
		}
	}
}

func BenchmarkStore(b *testing.B) {
	var w Uint64
	b.Run("impl=publish", func(b *testing.B) {
		for i := range uint64(b.N) {
			w.Publish(i)
		}
	})
	b.Run("impl=atomic", func(b *testing.B) {
		for i := range uint64(b.N) {
			w.Store(i)
		}
	})
}
