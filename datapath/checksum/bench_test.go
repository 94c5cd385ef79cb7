// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"fmt"
	"testing"
)

var sizes = []int{20, 40, 64, 128, 256, 576, 1460, 9000, 65536}

// BenchmarkSum sums a buffer that stays in the first-level cache. impl=Sum is what
// users call; the rest are its parts.
func BenchmarkSum(b *testing.B) {
	buf := make([]byte, 65536)
	for i := range buf {
		buf[i] = byte(i * 31)
	}
	for _, size := range sizes {
		data := buf[:size]
		b.Run(fmt.Sprintf("impl=Sum/size=%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for range b.N {
				sink += Sum(data, 0)
			}
		})
	}
	for _, impl := range implementations(b) {
		for _, size := range sizes {
			data := buf[:size]
			b.Run(fmt.Sprintf("impl=%s/size=%d", impl.name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for range b.N {
					sink += network(impl.sum(data, 0))
				}
			})
		}
	}
}

// BenchmarkApply is the cost of one checksum of one packet. In dependent=true each
// Apply waits for the one before, which shows latency instead of throughput.
func BenchmarkApply(b *testing.B) {
	d := Delta(0).Add32(0x0a000001, 0xc0a80001).Add16(1234, 40000)
	b.Run("proto=tcp/dependent=true", func(b *testing.B) {
		hc := uint16(0x1234)
		for range b.N {
			hc = d.Apply(hc)
		}
		sink += hc
	})
	b.Run("proto=tcp/dependent=false", func(b *testing.B) {
		var hc, all uint16
		for range b.N {
			hc++
			all ^= d.Apply(hc)
		}
		sink += all
	})
	b.Run("proto=udp/dependent=false", func(b *testing.B) {
		var hc, all uint16
		for range b.N {
			hc++
			all ^= d.ApplyUDP(hc)
		}
		sink += all
	})
}

// BenchmarkUpdate is the cost of an update that was not prepared.
func BenchmarkUpdate(b *testing.B) {
	b.Run("bits=16", func(b *testing.B) {
		var n uint16
		for range b.N {
			n++
			sink = Update16(sink, n, ^n)
		}
	})
	b.Run("bits=32", func(b *testing.B) {
		var n uint32
		for range b.N {
			n++
			sink = Update32(sink, n, ^n)
		}
	})
	b.Run("bits=128", func(b *testing.B) {
		var from, to [256][16]byte
		for i := range to {
			to[i][7] = byte(i)
		}
		for i := range b.N {
			sink = Update128(sink, &from[i%256], &to[i%256])
		}
	})
}
