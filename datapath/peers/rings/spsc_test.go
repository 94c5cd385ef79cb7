// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import (
	"fmt"
	"testing"
)

// A setup is what the benchmarks of one producer and one consumer vary.
type setup struct {
	cores    int // CPUs that the two ends run on; with one, a goroutine pushes and pops by turns
	batch    int // items a call
	inPlace  bool
	capacity int // items
	turns    int // of an empty loop before an end looks again
	items    int // a burst
}

func (s setup) name(impl string) string {
	return fmt.Sprintf("impl=%s/cores=%d/batch=%d/inplace=%t/cap=%d/turns=%d/size=8",
		impl, s.cores, s.batch, s.inPlace, s.capacity, s.turns)
}

// setups vary what decides between two cores. Capacity: 8-byte items and their sequence numbers stay in the
// first-level cache, or in the second-level cache and the ends far apart. Turns: a consumer that looks into an empty
// ring again at once takes the line from the producer at each item.
func setups() []setup {
	const fast, slow = 1 << 20, 1 << 22
	var all []setup
	for _, batch := range []int{1, 32} {
		for _, inPlace := range []bool{false, true}[:min(batch, 2)] {
			for _, capacity := range []int{1024, 65536} {
				for _, turns := range []int{0, 256} {
					all = append(all, setup{2, batch, inPlace, capacity, turns, fast})
				}
			}
			all = append(all, setup{1, batch, inPlace, 1024, 0, slow})
		}
	}
	return all
}

// A maker returns the ends of a burst for a setup, or nil if its queue has no such calls.
type maker func(s setup) func() []end

func BenchmarkSPSC(b *testing.B) {
	impls := []struct {
		name string
		slow int // a burst of a slow queue has so many times fewer items
		make maker
	}{
		{"arcbox-spsc" + build, 1, spscEnds},
		{"arcbox-slot" + build, 1, slotEnds},
		{"xsync", 8, xsyncEnds},
		{"lfq", 1, lfqEnds},
		{"channel", 8, channelEnds},
		{"mutex", 64, mutexEnds},
	}
	for _, s := range setups() {
		for _, impl := range impls {
			s := s
			s.items /= impl.slow
			if source := impl.make(s); source != nil {
				b.Run(s.name(impl.name), func(b *testing.B) { measure(b, s.items, source) })
			}
		}
		b.Run(s.name("cpp"), func(b *testing.B) { measureCPP(b, s) })
	}
}
