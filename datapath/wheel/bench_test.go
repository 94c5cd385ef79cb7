// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

import (
	"fmt"
	"testing"
)

// A tick is a millisecond here, and timeouts are 30 s to 94 s, or what a connection table sets.
const timeout, spread = 30_000, 1<<16 - 1

var sizes = []int{128, 65536, 1 << 20}

func filled(n int) *Wheel {
	w := New(0)
	w.Grow(n)
	for id := range uint32(n) {
		w.Set(id, timeout+uint64(id)*7919&spread)
	}
	return w
}

// BenchmarkSet moves timers that are armed, in no order that memory knows, as each packet of a connection does.
func BenchmarkSet(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("impl=wheel/timers=%d/batch=1", n), func(b *testing.B) {
			w := filled(n)
			b.ResetTimer()
			for i := range b.N {
				id := uint32(i) * 0x9e3779b1 & uint32(n-1)
				w.Set(id, timeout+uint64(i)&spread)
			}
		})
	}
}

// BenchmarkStop stops a timer and arms it anew; ns/op is the time of both.
func BenchmarkStop(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("impl=wheel/timers=%d/batch=1", n), func(b *testing.B) {
			w := filled(n)
			b.ResetTimer()
			for i := range b.N {
				id := uint32(i) * 0x9e3779b1 & uint32(n-1)
				w.Stop(id)
				w.Set(id, timeout+uint64(i)&spread)
			}
		})
	}
}

// BenchmarkExpired lets timers fire, tick by tick, and arms them anew; ns/op is the time of one timer's life, with all
// its moves between levels.
func BenchmarkExpired(b *testing.B) {
	for _, n := range sizes {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("impl=wheel/timers=%d/batch=%d", n, batch), func(b *testing.B) {
				w := filled(n)
				dst := make([]uint32, batch)
				now := uint64(0)
				b.ResetTimer()
				for i := 0; i < b.N; {
					k := w.Expired(now, dst)
					for _, id := range dst[:k] {
						w.Set(id, now+timeout+uint64(id)&spread)
					}
					if i += k; k < len(dst) {
						now++
					}
				}
			})
		}
	}
}

// BenchmarkTick is what a tick costs in which no timer fires.
func BenchmarkTick(b *testing.B) {
	b.Run("impl=wheel/timers=128/batch=1", func(b *testing.B) {
		w := filled(128)
		for id := range uint32(128) {
			w.Set(id, 1<<62)
		}
		dst := make([]uint32, 32)
		b.ResetTimer()
		for i := range b.N {
			w.Expired(uint64(i), dst)
		}
	})
}
