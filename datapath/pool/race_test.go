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
// or as a race. Half of the goroutines have a cache. In the end every buffer is free,
// once.
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
			getBatch, get, putBatch, put := p.GetBatch, p.Get, p.PutBatch, Buffer.Put
			if w%2 == 0 {
				c := newCache(t, p, 2+w)
				defer c.Flush()
				getBatch, get, putBatch, put = c.GetBatch, c.Get, c.PutBatch, c.Put
			}
			for round := range rounds {
				n := 0
				if rnd.IntN(2) == 0 {
					n = getBatch(batch[:rnd.IntN(len(batch)+1)])
				} else if b, ok := get(); ok {
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
					putBatch(batch[:n])
				case 1:
					for _, b := range batch[:n] {
						put(b)
					}
				case 2:
					for _, b := range batch[:n] {
						handed <- b // has room for all that there are
					}
				}
				for range rnd.IntN(4) {
					select {
					case b := <-handed:
						put(b)
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
