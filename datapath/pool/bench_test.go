// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"arcbox.dev/datapath/pad"
)

// benchConfig makes buffers of which the slots fit the second-level cache of a core.
var benchConfig = Config{Buffers: 1024, Size: 2048, Headroom: 128}

// ends are what one goroutine gets and puts buffers of type T with. A got buffer holds
// an empty packet.
type ends[T any] struct {
	get func(dst []T) int
	put func(bufs []T)
}

// BenchmarkPool measures wall time per buffer: b.N counts buffers, those of all
// goroutines together. op=getput gets a batch and puts it; op=handon gets a batch on
// one goroutine and puts it on another, which has looked at each packet. impl=arcbox
// is a pool with a cache for each goroutine, impl=arcbox-shared the pool alone.
func BenchmarkPool(b *testing.B) {
	benchList(b, "arcbox", newCached)
	benchList(b, "arcbox-shared", newShared)
	benchList(b, "mutex", newMutexList)
	benchList(b, "channel", newChannelList)
	benchList(b, "syncpool", newSyncPool)
}

// benchList runs all cases of one implementation. make returns what makes the ends of
// each goroutine.
func benchList[T packet](b *testing.B, impl string, make func() func() ends[T]) {
	for _, batch := range []int{1, 32} {
		for _, goroutines := range []int{1, 2} {
			b.Run(fmt.Sprintf("impl=%s/op=getput/batch=%d/goroutines=%d", impl, batch, goroutines), func(b *testing.B) {
				benchGetPut(b, make(), batch, goroutines)
			})
		}
		for _, goroutines := range []int{2, 4} {
			b.Run(fmt.Sprintf("impl=%s/op=handon/batch=%d/goroutines=%d", impl, batch, goroutines), func(b *testing.B) {
				benchHandOn(b, make(), batch, goroutines/2)
			})
		}
	}
}

func benchGetPut[T packet](b *testing.B, newEnds func() ends[T], batch, goroutines int) {
	b.ReportAllocs()
	var wg sync.WaitGroup
	for range goroutines {
		e, bufs := newEnds(), make([]T, batch)
		wg.Go(func() {
			for i := 0; i < b.N; i += batch * goroutines {
				e.put(bufs[:e.get(bufs)])
			}
		})
	}
	wg.Wait()
}

func benchHandOn[T packet](b *testing.B, newEnds func() ends[T], batch, pairs int) {
	b.ReportAllocs()
	var wg sync.WaitGroup
	for range pairs {
		h, getter, putter := newHandOver[T](256), newEnds(), newEnds()
		wg.Go(func() {
			bufs := make([]T, batch)
			for i := 0; i < b.N; i += batch * pairs {
				for got := 0; got < batch; {
					n := getter.get(bufs[got:])
					for _, p := range bufs[got : got+n] {
						p.Append(64)
					}
					if got += n; n == 0 {
						h.pause()
					}
				}
				h.push(bufs)
			}
		})
		wg.Go(func() {
			bufs := make([]T, batch)
			for i := 0; i < b.N; i += batch * pairs {
				h.pop(bufs)
				for _, p := range bufs {
					if p.Len() != 64 {
						panic("wrong length")
					}
				}
				putter.put(bufs)
			}
		})
	}
	wg.Wait()
}

// handOver passes batches from one goroutine to another, for all implementations alike.
// Each end looks at the other's position only when it has used up what it saw last.
type handOver[T any] struct {
	tail, head       pad.Uint64 // positions of the pushing and the popping end
	items            []T        // a power of two
	_                pad.Line
	pushed, headSeen uint64 // the pushing end's
	_                pad.Line
	popped, tailSeen uint64 // the popping end's
	_                pad.Line
}

func newHandOver[T any](capacity int) *handOver[T] {
	return &handOver[T]{items: make([]T, capacity)}
}

func (h *handOver[T]) push(src []T) {
	for h.pushed+uint64(len(src))-h.headSeen > uint64(len(h.items)) {
		if seen := h.head.Load(); seen != h.headSeen {
			h.headSeen = seen
			continue
		}
		h.pause()
	}
	for _, v := range src {
		h.items[h.pushed&uint64(len(h.items)-1)] = v
		h.pushed++
	}
	h.tail.Store(h.pushed)
}

func (h *handOver[T]) pop(dst []T) {
	for h.tailSeen-h.popped < uint64(len(dst)) {
		if seen := h.tail.Load(); seen != h.tailSeen {
			h.tailSeen = seen
			continue
		}
		h.pause()
	}
	for i := range dst {
		dst[i] = h.items[h.popped&uint64(len(h.items)-1)]
		h.popped++
	}
	h.head.Store(h.popped)
}

// pause lets other goroutines on this core run.
func (h *handOver[T]) pause() { runtime.Gosched() }
