// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"fmt"
	"sync"
	"testing"
)

// freeList is what a pool is compared with.
type freeList interface {
	getBatch(dst []Buffer) int
	putBatch(bufs []Buffer)
}

type stackList struct{ p *Pool }

func (l stackList) getBatch(dst []Buffer) int { return l.p.GetBatch(dst) }
func (l stackList) putBatch(bufs []Buffer)    { l.p.PutBatch(bufs) }

type singleList struct{ p *Pool }

func (l singleList) getBatch(dst []Buffer) int {
	for i := range dst {
		b, ok := l.p.Get()
		if !ok {
			return i
		}
		dst[i] = b
	}
	return len(dst)
}

func (l singleList) putBatch(bufs []Buffer) {
	for _, b := range bufs {
		b.Put()
	}
}

type chanList chan Buffer

func (l chanList) getBatch(dst []Buffer) int {
	for i := range dst {
		select {
		case dst[i] = <-l:
		default:
			return i
		}
	}
	return len(dst)
}

func (l chanList) putBatch(bufs []Buffer) {
	for _, b := range bufs {
		l <- b
	}
}

type mutexList struct {
	mu   sync.Mutex
	free []Buffer
}

func (l *mutexList) getBatch(dst []Buffer) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(dst), len(l.free))
	copy(dst, l.free[len(l.free)-n:])
	l.free = l.free[:len(l.free)-n]
	return n
}

func (l *mutexList) putBatch(bufs []Buffer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, bufs...)
}

func newList(b *testing.B, impl string) freeList {
	const buffers = 1024
	p, err := New(Config{Buffers: buffers, Size: 2048, Headroom: 128})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]Buffer, buffers)
	switch impl {
	case "stack":
		return stackList{p}
	case "single":
		return singleList{p}
	case "chan":
		p.GetBatch(all)
		l := make(chanList, buffers)
		l.putBatch(all)
		return l
	}
	p.GetBatch(all)
	return &mutexList{free: all}
}

// BenchmarkGetPut gets a batch and puts it, from each of the goroutines. impl=single
// is Get and Put for each buffer, impl=stack GetBatch and PutBatch.
func BenchmarkGetPut(b *testing.B) {
	for _, impl := range []string{"stack", "single", "chan", "mutex"} {
		for _, batch := range []int{1, 32} {
			for _, goroutines := range []int{1, 2} {
				b.Run(fmt.Sprintf("impl=%s/batch=%d/goroutines=%d", impl, batch, goroutines), func(b *testing.B) {
					l := newList(b, impl)
					b.ReportAllocs()
					b.ResetTimer()
					var wg sync.WaitGroup
					for range goroutines {
						wg.Go(func() {
							bufs := make([]Buffer, batch)
							for range b.N {
								l.putBatch(bufs[:l.getBatch(bufs)])
							}
						})
					}
					wg.Wait()
					total := float64(b.N * batch * goroutines)
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/total, "ns/buffer")
				})
			}
		}
	}
}
