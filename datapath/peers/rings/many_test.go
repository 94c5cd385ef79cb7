// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import (
	"fmt"
	"runtime"
	"testing"

	"arcbox.dev/datapath/ring"
)

const (
	manyCapacity = 1024    // items
	manyItems    = 1 << 18 // a burst
)

// BenchmarkMPSC has one producer, to show what the freedom to have more costs, and two.
func BenchmarkMPSC(b *testing.B) {
	for producers := 1; producers <= 2; producers++ {
		benchmarkMany(b, "arcbox-mpsc"+build, producers, 1, mpscEnds)
		benchmarkMany(b, "arcbox-mpmc"+build, producers, 1, mpmcEnds)
		benchmarkMany(b, "mutex", producers, 1, mutexManyEnds)
		benchmarkMany(b, "channel", producers, 1, channelManyEnds)
	}
}

// BenchmarkMPMC has two producers and two consumers.
func BenchmarkMPMC(b *testing.B) {
	benchmarkMany(b, "arcbox-mpmc"+build, 2, 2, mpmcEnds)
	benchmarkMany(b, "mutex", 2, 2, mutexManyEnds)
	benchmarkMany(b, "channel", 2, 2, channelManyEnds)
}

type manyEnds func(producers, consumers int) func() []end

func benchmarkMany(b *testing.B, impl string, producers, consumers int, ends manyEnds) {
	name := fmt.Sprintf("impl=%s/producers=%d/consumers=%d/cap=%d/size=8",
		impl, producers, consumers, manyCapacity)
	b.Run(name, func(b *testing.B) { measure(b, manyItems, ends(producers, consumers)) })
}

// crowd shares the items of a burst out among producers and consumers.
func crowd(producers, consumers int, produce, consume func(n int)) []end {
	var all []end
	for range producers {
		all = append(all, func() { produce(manyItems / producers) })
	}
	for range consumers {
		all = append(all, func() { consume(manyItems / consumers) })
	}
	return all
}

func mpscEnds(producers, consumers int) func() []end {
	return func() []end {
		q := must(ring.NewMPSC[uint64](manyCapacity))
		return crowd(producers, consumers,
			func(n int) {
				for i := 0; i < n; {
					if q.Push(uint64(i)) {
						i++
					} else {
						runtime.Gosched()
					}
				}
			},
			func(n int) {
				var sum uint64
				for i := 0; i < n; {
					if v, ok := q.Pop(); ok {
						i++
						sum += v
					} else {
						runtime.Gosched()
					}
				}
				sink.Add(sum)
			})
	}
}

func mpmcEnds(producers, consumers int) func() []end {
	return func() []end {
		q := must(ring.NewMPMC[uint64](manyCapacity))
		return crowd(producers, consumers,
			func(n int) {
				for i := 0; i < n; {
					if q.Push(uint64(i)) {
						i++
					} else {
						runtime.Gosched()
					}
				}
			},
			func(n int) {
				var sum uint64
				for i := 0; i < n; {
					if v, ok := q.Pop(); ok {
						i++
						sum += v
					} else {
						runtime.Gosched()
					}
				}
				sink.Add(sum)
			})
	}
}

func mutexManyEnds(producers, consumers int) func() []end {
	return func() []end {
		q := &mutexRing{buf: make([]uint64, manyCapacity)}
		return crowd(producers, consumers,
			func(n int) {
				for i := 0; i < n; {
					if q.push(uint64(i)) {
						i++
					} else {
						runtime.Gosched()
					}
				}
			},
			func(n int) {
				var sum uint64
				for i := 0; i < n; {
					if v, ok := q.pop(); ok {
						i++
						sum += v
					} else {
						runtime.Gosched()
					}
				}
				sink.Add(sum)
			})
	}
}

func channelManyEnds(producers, consumers int) func() []end {
	return func() []end {
		q := make(chan uint64, manyCapacity)
		return crowd(producers, consumers,
			func(n int) {
				for i := range n {
					q <- uint64(i)
				}
			},
			func(n int) {
				var sum uint64
				for range n {
					sum += <-q
				}
				sink.Add(sum)
			})
	}
}
