// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// benchCapacity is the rings' capacity in items: 8-byte items and their sequence numbers fill the second-level cache
// of neither core.
const benchCapacity = 4096

// A mutexQueue is a ring under a lock.
type mutexQueue[T any] struct {
	mu         sync.Mutex // guards the rest
	buf        []T
	head, tail uint64
}

func (m *mutexQueue[T]) Cap() int { return len(m.buf) }
func (m *mutexQueue[T]) Push(v T) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tail-m.head == uint64(len(m.buf)) {
		return false
	}
	m.buf[m.tail&uint64(len(m.buf)-1)] = v
	m.tail++
	return true
}
func (m *mutexQueue[T]) Pop() (v T, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tail == m.head {
		return v, false
	}
	v = m.buf[m.head&uint64(len(m.buf)-1)]
	m.head++
	return v, true
}

// must returns the ring of a constructor that was given a good capacity.
func must[Q any](q Q, err error) Q {
	if err != nil {
		panic(err)
	}
	return q
}

// pinned runs f on a goroutine with a thread of its own and returns a channel that is closed when it has ended.
func pinned(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		f()
	}()
	return done
}

// A backOff counts the looks in vain of one side.
type backOff struct{ failures, spins int }

// pause lets a few dozen nanoseconds go by, so that looking in vain does not take the line away from the other side
// all the time. It yields now and then, in case both sides are on one core.
//
//go:noinline
func (b *backOff) pause() {
	b.failures++
	if b.failures%1024 == 0 {
		runtime.Gosched()
	}
	for range 32 {
		b.spins++
	}
}

// BenchmarkAcrossCores measures single items from this goroutine to another, wherever the scheduler puts both: a quick
// look. datapath/peers/rings measures on CPUs of their own. The loops are written out for each type, since a call
// through an interface or a type parameter's dictionary would cost as much as the ring.
func BenchmarkAcrossCores(b *testing.B) {
	name := func(impl string) string { return fmt.Sprintf("impl=%s/batch=1/size=8", impl) }
	b.Run(name("spsc"), func(b *testing.B) {
		r := must(NewSPSC[uint64](benchCapacity))
		done := pinned(func() {
			var wait backOff
			for i := 0; i < b.N; {
				if _, ok := r.Pop(); ok {
					i++
				} else {
					wait.pause()
				}
			}
		})
		var wait backOff
		for i := 0; i < b.N; {
			if r.Push(uint64(i)) {
				i++
			} else {
				wait.pause()
			}
		}
		<-done
	})
	b.Run(name("slotspsc"), func(b *testing.B) {
		r := must(NewSlotSPSC[uint64](benchCapacity))
		done := pinned(func() {
			var wait backOff
			for i := 0; i < b.N; {
				if _, ok := r.Pop(); ok {
					i++
				} else {
					wait.pause()
				}
			}
		})
		var wait backOff
		for i := 0; i < b.N; {
			if r.Push(uint64(i)) {
				i++
			} else {
				wait.pause()
			}
		}
		<-done
	})
	for _, impl := range []struct {
		name string
		q    queue[uint64]
	}{
		{"mpsc", must(NewMPSC[uint64](benchCapacity))},
		{"mpmc", must(NewMPMC[uint64](benchCapacity))},
		{"mutex", &mutexQueue[uint64]{buf: make([]uint64, benchCapacity)}},
	} {
		b.Run(name(impl.name), func(b *testing.B) {
			done := pinned(func() {
				var wait backOff
				for i := 0; i < b.N; {
					if _, ok := impl.q.Pop(); ok {
						i++
					} else {
						wait.pause()
					}
				}
			})
			var wait backOff
			for i := 0; i < b.N; {
				if impl.q.Push(uint64(i)) {
					i++
				} else {
					wait.pause()
				}
			}
			<-done
		})
	}
	b.Run(name("chan"), func(b *testing.B) {
		c := make(chan uint64, benchCapacity)
		done := pinned(func() {
			for range b.N {
				<-c
			}
		})
		for i := range b.N {
			c <- uint64(i)
		}
		<-done
	})
	b.Run(name("blocking"), func(b *testing.B) {
		q := must(NewBlocking[uint64](benchCapacity))
		done := pinned(func() {
			for range b.N {
				q.Pop()
			}
		})
		for i := range b.N {
			q.Push(uint64(i))
		}
		<-done
	})
}

// BenchmarkAcrossCoresBatch moves batches of 32; ns/op is the time of one item.
func BenchmarkAcrossCoresBatch(b *testing.B) {
	const batch = 32
	for _, impl := range []struct {
		name string
		q    batchQueue[uint64]
	}{
		{"spsc", must(NewSPSC[uint64](benchCapacity))},
		{"mpsc", must(NewMPSC[uint64](benchCapacity))},
		{"mpmc", must(NewMPMC[uint64](benchCapacity))},
	} {
		b.Run(fmt.Sprintf("impl=%s/batch=%d/size=8", impl.name, batch), func(b *testing.B) {
			done := pinned(func() {
				dst := make([]uint64, batch)
				var wait backOff
				for i := 0; i < b.N; {
					n := impl.q.PopBatch(dst[:min(batch, b.N-i)])
					if i += n; n == 0 {
						wait.pause()
					}
				}
			})
			src := make([]uint64, batch)
			var wait backOff
			for i := 0; i < b.N; {
				n := impl.q.PushBatch(src[:min(batch, b.N-i)])
				if i += n; n == 0 {
					wait.pause()
				}
			}
			<-done
		})
	}
	b.Run(fmt.Sprintf("impl=spsc-inplace/batch=%d/size=8", batch), func(b *testing.B) {
		r := must(NewSPSC[uint64](benchCapacity))
		var sum uint64
		done := pinned(func() {
			var wait backOff
			for i := 0; i < b.N; {
				slots := r.Peek(min(batch, b.N-i))
				for _, v := range slots {
					sum += v
				}
				r.Release(len(slots))
				if i += len(slots); len(slots) == 0 {
					wait.pause()
				}
			}
		})
		var wait backOff
		for i := 0; i < b.N; {
			slots := r.Reserve(min(batch, b.N-i))
			for j := range slots {
				slots[j] = uint64(i)
			}
			r.Commit(len(slots))
			if i += len(slots); len(slots) == 0 {
				wait.pause()
			}
		}
		<-done
	})
}

// BenchmarkOneCore pushes and pops on one goroutine; ns/op is the time of a pair.
func BenchmarkOneCore(b *testing.B) {
	b.Run("impl=spsc/batch=1/size=8", func(b *testing.B) {
		r := must(NewSPSC[uint64](benchCapacity))
		for i := range b.N {
			r.Push(uint64(i))
			r.Pop()
		}
	})
	b.Run("impl=slotspsc/batch=1/size=8", func(b *testing.B) {
		r := must(NewSlotSPSC[uint64](benchCapacity))
		for i := range b.N {
			r.Push(uint64(i))
			r.Pop()
		}
	})
	b.Run("impl=mpsc/batch=1/size=8", func(b *testing.B) {
		r := must(NewMPSC[uint64](benchCapacity))
		for i := range b.N {
			r.Push(uint64(i))
			r.Pop()
		}
	})
	b.Run("impl=mpmc/batch=1/size=8", func(b *testing.B) {
		r := must(NewMPMC[uint64](benchCapacity))
		for i := range b.N {
			r.Push(uint64(i))
			r.Pop()
		}
	})
	b.Run("impl=chan/batch=1/size=8", func(b *testing.B) {
		c := make(chan uint64, benchCapacity)
		for i := range b.N {
			c <- uint64(i)
			<-c
		}
	})
	b.Run("impl=mutex/batch=1/size=8", func(b *testing.B) {
		r := &mutexQueue[uint64]{buf: make([]uint64, benchCapacity)}
		for i := range b.N {
			r.Push(uint64(i))
			r.Pop()
		}
	})
	b.Run("impl=spsc/batch=32/size=8", func(b *testing.B) {
		r := must(NewSPSC[uint64](benchCapacity))
		batch := make([]uint64, 32)
		for i := 0; i < b.N; i += len(batch) {
			r.PushBatch(batch)
			r.PopBatch(batch)
		}
	})
}
