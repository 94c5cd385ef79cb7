// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestRandomOperations does random requests with random framing on a disk and on a
// slice of bytes, and compares.
func TestRandomOperations(t *testing.T) {
	const sectors = 4096
	path := image(t, sectors*512)
	d := newDriver(t, openFile(t, path, false), Options{}, allFeatures)
	model := pattern(0, sectors*512)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)

	// split cuts n bytes at random.
	split := func(n int) (cuts []int) {
		for n > 0 && len(cuts) < 20 {
			k := 1 + rng.IntN(n)
			cuts = append(cuts, k)
			n -= k
		}
		if n > 0 {
			cuts = append(cuts, n)
		}
		return cuts
	}
	for range 1500 {
		n := (1 + rng.IntN(200)) * 512
		sector := rng.IntN(sectors - n/512 + 1)
		at := model[sector*512:][:n]
		switch rng.IntN(6) {
		case 0, 1:
			d.header(kindOut, uint64(sector))
			for i := range n {
				d.mem[headerSize+i] = byte(rng.Uint32())
			}
			copy(at, d.mem[headerSize:])
			require.EqualValues(t, 1, d.chain(split(headerSize+n), []int{1}))
			require.Equal(t, byte(statusOK), d.mem[headerSize+n])
		case 2, 3:
			d.header(kindIn, uint64(sector))
			clear(d.mem[headerSize : headerSize+n])
			require.EqualValues(t, n+1, d.chain(split(headerSize), split(n+1)))
			require.Equal(t, at, d.mem[headerSize:][:n], "seed %d", seed)
		case 4:
			d.must(kindDiscard, 0, ranges(segment{uint64(sector), uint32(n / 512), 0}), 0)
			clear(at)
		case 5:
			d.must(kindWriteZeroes, 0, ranges(segment{uint64(sector), uint32(n / 512), rng.Uint32N(2)}), 0)
			clear(at)
		}
	}
	d.must(kindFlush, 0, nil, 0)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, model, got, "seed %d", seed)
}

// TestManyQueues lets several queues work on their own parts of a disk at once.
func TestManyQueues(t *testing.T) {
	const queues, each, depth = 4, 64, 16
	dev := New(openFile(t, image(t, queues*each*4096), false), Options{Queues: queues})
	defer dev.Close()
	done := make(chan error, queues)
	for i := range queues {
		a, err := virtqtest.NewMemory(1 << 20)
		require.NoError(t, err)
		ring, err := virtiotest.NewRing(a, queueSize, virtq.Options{EventIdx: true, Indirect: i%2 == 1})
		require.NoError(t, err)
		require.NoError(t, dev.StartQueue(i, ring.Queue, allFeatures))
		defer dev.StopQueue(i)
		go func() { done <- fillAndCheck(a, ring, uint64(i*each*8), each, depth) }()
	}
	for range queues {
		require.NoError(t, <-done)
	}
	require.EqualValues(t, queues*each*4096, dev.Counters()["written_bytes"])
	require.EqualValues(t, queues*each*4096, dev.Counters()["read_bytes"])
}
