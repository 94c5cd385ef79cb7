// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOwners: goroutines get, hand on, stall and put at random. Each writes its mark
// to what it owns and finds it again: a buffer with two owners shows as a wrong mark,
// or as a race. In the end every buffer is free, once.
func TestOwners(t *testing.T) {
	const workers, buffers, rounds = 6, 24, 4000
	p, err := New(Config{Buffers: buffers, Size: 32, Headroom: 8})
	require.NoError(t, err)
	handed := make(chan Buffer, buffers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 7))
			batch := make([]Buffer, 9)
			for round := range rounds {
				n := 0
				if rnd.IntN(2) == 0 {
					n = p.GetBatch(batch[:rnd.IntN(len(batch)+1)])
				} else if b, ok := p.Get(); ok {
					batch[0], n = b, 1
				}
				mark := uint64(w)<<32 | uint64(round)
				for _, b := range batch[:n] {
					binary.LittleEndian.PutUint64(b.Append(8), mark)
				}
				if rnd.IntN(4) == 0 {
					runtime.Gosched()
				}
				for _, b := range batch[:n] {
					if got := binary.LittleEndian.Uint64(b.Bytes()); got != mark || b.Len() != 8 {
						t.Errorf("mark %#x in %d bytes, want %#x", got, b.Len(), mark)
					}
				}
				rnd.Shuffle(n, func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
				switch rnd.IntN(3) {
				case 0:
					p.PutBatch(batch[:n])
				case 1:
					for _, b := range batch[:n] {
						b.Put()
					}
				case 2:
					for _, b := range batch[:n] {
						handed <- b // has room for all that there are
					}
				}
				for range rnd.IntN(4) {
					select {
					case b := <-handed:
						b.Put()
					default:
					}
				}
			}
		})
	}
	wg.Wait()
	close(handed)
	for b := range handed {
		b.Put()
	}
	all, seen := make([]Buffer, buffers+1), map[int]bool{}
	require.Equal(t, buffers, p.GetBatch(all))
	for _, b := range all[:buffers] {
		require.False(t, seen[b.Offset()])
		seen[b.Offset()] = true
	}
	_, ok := p.Get()
	require.False(t, ok)
}

// TestABA: a pop that was overtaken by pops and a push of the same top slot fails.
func TestABA(t *testing.T) {
	p, err := New(Config{Buffers: 3, Size: 1})
	require.NoError(t, err)
	old := p.free.top.Load()
	next := p.slots[uint32(old)-1].next.Load()
	a, _ := p.Get()
	b, _ := p.Get()
	a.Put()
	require.Equal(t, uint32(old), uint32(p.free.top.Load()), "the same slot is on top")
	require.False(t, p.free.top.CompareAndSwap(old, word(old, next)), "with another below")
	b.Put()

	// The count wraps without touching the index.
	p.free.top.Store(p.free.top.Load() | 0xffffffff<<32)
	bufs := make([]Buffer, 3)
	require.Equal(t, 3, p.GetBatch(bufs))
	p.PutBatch(bufs)
	require.Equal(t, 3, p.GetBatch(bufs))
}
