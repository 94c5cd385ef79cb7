// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An item says who made it and which of its maker's it is. sum, derived from both, shows an item torn or read before
// it was written.
type item struct {
	producer, seq, sum uint64
	_                  [5]uint64 // more than one line with its sequence number
}

func makeItem(producer, seq uint64) item {
	return item{producer: producer, seq: seq, sum: checksumOf(producer, seq)}
}

func checksumOf(producer, seq uint64) uint64 { return (producer+1)*0x9e3779b97f4a7c15 ^ seq }

// A staller makes its goroutine fall behind at random moments: not at all mostly, sometimes for a reschedule, rarely
// for long enough that the ring fills or empties.
type staller struct{ rng *rand.Rand }

func newStaller(seed uint64) staller { return staller{rand.New(rand.NewPCG(seed, 1))} }

func (s staller) stall() {
	switch n := s.rng.IntN(4096); {
	case n == 0:
		time.Sleep(20 * time.Microsecond)
	case n < 64:
		runtime.Gosched()
	}
}

// pushAll pushes producer's items 0 to n-1, singly or in batches of random size.
func pushAll(q queue[item], producer, n uint64) {
	s := newStaller(producer)
	b, batches := q.(batchQueue[item])
	batch := make([]item, 0, 8)
	for seq := uint64(0); seq < n; {
		s.stall()
		pushed := 0
		if batches && s.rng.IntN(2) == 0 {
			batch = batch[:0]
			for i := range min(uint64(s.rng.IntN(8)), n-seq) {
				batch = append(batch, makeItem(producer, seq+i))
			}
			pushed = b.PushBatch(batch)
		} else if q.Push(makeItem(producer, seq)) {
			pushed = 1
		}
		if pushed == 0 {
			runtime.Gosched()
		}
		seq += uint64(pushed)
	}
}

// popUntil pops, singly or in batches, until left is used up, and hands each item to seen.
func popUntil(q queue[item], seed uint64, left *atomic.Int64, seen func(item)) {
	s := newStaller(seed)
	b, batches := q.(batchQueue[item])
	batch := make([]item, 8)
	for left.Load() > 0 {
		s.stall()
		n := 0
		if batches && s.rng.IntN(2) == 0 {
			n = b.PopBatch(batch[:s.rng.IntN(len(batch)+1)])
		} else if v, ok := q.Pop(); ok {
			batch[0], n = v, 1
		}
		if n == 0 {
			runtime.Gosched()
		}
		for _, v := range batch[:n] {
			seen(v)
		}
		left.Add(-int64(n))
	}
}

func TestConcurrent(t *testing.T) {
	each := uint64(40_000)
	if testing.Short() {
		each = 5_000
	}
	ends := map[string][2]int{"spsc": {1, 1}, "slotspsc": {1, 1}, "mpsc": {3, 1}, "mpmc": {3, 3}}
	for _, k := range kinds[item]() {
		for _, capacity := range []int{2, 16, 256} {
			t.Run(k.name, func(t *testing.T) {
				q, err := k.new(capacity, math.MaxUint64-each/2) // wraps around half-way
				require.NoError(t, err)
				transfer(t, q, ends[k.name][0], ends[k.name][1], each)
			})
		}
	}
}

// transfer checks that each item arrives once, whole, and that each consumer gets each producer's items in order.
func transfer(t *testing.T, q queue[item], producers, consumers int, each uint64) {
	var left atomic.Int64
	left.Store(int64(producers) * int64(each))
	arrived := make([][]atomic.Uint32, producers)
	for p := range arrived {
		arrived[p] = make([]atomic.Uint32, each)
	}
	var bad atomic.Uint64
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() { pushAll(q, uint64(p), each) })
	}
	for c := range consumers {
		wg.Go(func() {
			next := make([]uint64, producers)
			popUntil(q, uint64(100+c), &left, func(v item) {
				if v.producer >= uint64(producers) || v.seq >= each || v.sum != checksumOf(v.producer, v.seq) ||
					v.seq < next[v.producer] {
					bad.Add(1)
					return
				}
				next[v.producer] = v.seq + 1
				arrived[v.producer][v.seq].Add(1)
			})
		})
	}
	wg.Wait()
	require.Zero(t, bad.Load(), "items torn or out of order")
	for p := range arrived {
		for seq := range arrived[p] {
			if n := arrived[p][seq].Load(); n != 1 {
				t.Fatalf("item %d of producer %d arrived %d times", seq, p, n)
			}
		}
	}
}

// TestConcurrentInPlace moves bytes through Reserve and Peek.
func TestConcurrentInPlace(t *testing.T) {
	const total = 400_000
	r, err := newSPSC[byte](64, math.MaxUint64-1000)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		s := newStaller(1)
		for sent := 0; sent < total; {
			s.stall()
			slots := r.Reserve(min(1+s.rng.IntN(40), total-sent))
			for i := range slots {
				slots[i] = byte((sent + i) * 7)
			}
			n := s.rng.IntN(len(slots) + 1)
			r.Commit(n)
			if sent += n; n == 0 {
				runtime.Gosched()
			}
		}
	})
	wrong := 0
	s := newStaller(2)
	for got := 0; got < total; {
		s.stall()
		slots := r.Peek(1 + s.rng.IntN(40))
		for i, v := range slots {
			if v != byte((got+i)*7) {
				wrong++
			}
		}
		n := s.rng.IntN(len(slots) + 1)
		r.Release(n)
		if got += n; n == 0 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	require.Zero(t, wrong)
	require.Zero(t, r.Len())
}

// TestLenWhileUsed checks Len's bounds as a third goroutine sees them.
func TestLenWhileUsed(t *testing.T) {
	r, err := newSPSC[item](16, math.MaxUint64-100)
	require.NoError(t, err)
	const n = 50_000
	var left atomic.Int64
	left.Store(n)
	var wg sync.WaitGroup
	wg.Go(func() { pushAll(r, 0, n) })
	wg.Go(func() { popUntil(r, 1, &left, func(item) {}) })
	for left.Load() > 0 {
		if l := r.Len(); l < 0 || l > r.Cap() {
			t.Errorf("length %d of a ring of %d", l, r.Cap())
			break
		}
		runtime.Gosched()
	}
	wg.Wait()
	require.Zero(t, r.Len())
}
