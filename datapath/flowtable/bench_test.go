// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

import (
	"fmt"
	"math"
	"testing"
)

// mix makes hashes of numbers that follow one another (splitmix64: Steele, Lea and Flood, OOPSLA 2014).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// filled returns a table with the hashes of 0 to n-1 under those numbers, at rest.
func filled(n int) *Table {
	t := New(n)
	for i := range n {
		t.Insert(mix(uint64(i)), uint32(i))
	}
	return t
}

var sizes = []int{128, 65536, 1 << 20}

// sink keeps the compiler from leaving reads out.
var sink uint64

// BenchmarkFind looks up hashes in no order that memory knows; ns/op is the time of one. With batch=1 each look-up waits
// for the one before, whose result says which is next. With batch=32 they don't, and impl=touched touches the slots of
// all 32 first.
func BenchmarkFind(b *testing.B) {
	for _, n := range sizes {
		t := filled(n)
		m := make(map[uint64]uint32, n)
		for i := range n {
			m[mix(uint64(i))] = uint32(i)
		}
		for _, r := range []struct {
			name string
			base uint64 // of the numbers whose hashes are looked up
			hit  uint64 // all ones
		}{{"hit", 0, math.MaxUint64}, {"miss", 1 << 40, 0}} {
			run := func(impl string, batch int, f func(b *testing.B)) {
				b.Run(fmt.Sprintf("impl=%s/result=%s/entries=%d/batch=%d", impl, r.name, n, batch), f)
			}
			// The next number is i, but the processor doesn't know before it has the reference, which is the last number
			// of a hit, and 0 (or hardly ever something else) of a miss.
			run("flowtable", 1, func(b *testing.B) {
				var c Cursor
				var ref uint32
				var last uint64
				for i := range b.N {
					last = (uint64(i) + uint64(ref) - last&r.hit) & uint64(n-1)
					ref, _ = t.Find(mix(r.base+last), &c)
				}
				sink ^= uint64(ref)
			})
			run("map", 1, func(b *testing.B) {
				var ref uint32
				var last uint64
				for i := range b.N {
					last = (uint64(i) + uint64(ref) - last&r.hit) & uint64(n-1)
					ref = m[mix(r.base+last)]
				}
				sink ^= uint64(ref)
			})
			var hashes [32]uint64
			run("flowtable", 32, func(b *testing.B) {
				for i := 0; i < b.N; i += len(hashes) {
					for j := range hashes {
						hashes[j] = mix(r.base + uint64((i+j)&(n-1)))
					}
					findAll(t, &hashes)
				}
			})
			run("touched", 32, func(b *testing.B) {
				for i := 0; i < b.N; i += len(hashes) {
					var word uint64
					for j := range hashes {
						hashes[j] = mix(r.base + uint64((i+j)&(n-1)))
						word ^= t.Touch(hashes[j])
					}
					sink ^= word
					findAll(t, &hashes)
				}
			})
		}
	}
}

func findAll(t *Table, hashes *[32]uint64) {
	var c Cursor
	for _, h := range hashes {
		ref, _ := t.Find(h, &c)
		sink ^= uint64(ref)
	}
}

// BenchmarkInsert fills a table of one size; ns/op is the time of one entry. With capacity=0 it grows on the way.
func BenchmarkInsert(b *testing.B) {
	for _, n := range sizes {
		for _, capacity := range []int{0, n} {
			b.Run(fmt.Sprintf("impl=flowtable/entries=%d/capacity=%d/batch=1", n, capacity), func(b *testing.B) {
				var t *Table
				for i := range b.N {
					if i&(n-1) == 0 {
						t = New(capacity)
					}
					t.Insert(mix(uint64(i&(n-1))), uint32(i))
				}
			})
		}
		b.Run(fmt.Sprintf("impl=map/entries=%d/capacity=0/batch=1", n), func(b *testing.B) {
			var m map[uint64]uint32
			for i := range b.N {
				if i&(n-1) == 0 {
					m = map[uint64]uint32{}
				}
				m[mix(uint64(i&(n-1)))] = uint32(i)
			}
		})
	}
}

// BenchmarkChurn replaces the oldest entry by a new one; ns/op is the time of one Delete and one Insert.
func BenchmarkChurn(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("impl=flowtable/entries=%d/batch=1", n), func(b *testing.B) {
			t := filled(n)
			b.ResetTimer()
			for i := range uint64(b.N) {
				t.Delete(mix(i), uint32(i))
				t.Insert(mix(i+uint64(n)), uint32(i)+uint32(n))
			}
		})
	}
}
