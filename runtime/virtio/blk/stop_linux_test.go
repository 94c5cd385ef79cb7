// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// gate is a disk that holds up requests.
type gate struct {
	Disk
	entered, open chan struct{}
}

func (g *gate) Readv(bufs []guestmem.Segment, off int64) error {
	g.entered <- struct{}{}
	<-g.open
	return g.Disk.Readv(bufs, off)
}

// TestStopInBatch: a queue is given back after one request, the rest of a batch is
// left to who serves it next, and each request is answered once.
func TestStopInBatch(t *testing.T) {
	const depth = 16
	g := &gate{openFile(t, image(t, testSize), false), make(chan struct{}, depth), make(chan struct{})}
	dev := New(g, Options{})
	defer dev.Close()
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	ring, err := virtiotest.NewRing(a, queueSize, virtq.Options{})
	require.NoError(t, err)
	p, err := newPipeline(a, ring, depth, 512)
	require.NoError(t, err)
	for i := range depth {
		require.NoError(t, p.start(kindIn, uint64(i), nil))
	}
	ring.Kick()
	require.NoError(t, dev.StartQueue(0, ring.Queue, allFeatures))
	<-g.entered
	stopped := make(chan struct{})
	go func() { dev.StopQueue(0); close(stopped) }()
	for !ring.Queue.Stopped() {
	}
	g.open <- struct{}{}
	<-stopped
	require.EqualValues(t, 1, dev.Counters()["requests"])
	require.Zero(t, ring.Queue.InFlight())

	close(g.open)
	require.NoError(t, ring.Restart())
	require.NoError(t, dev.StartQueue(0, ring.Queue, allFeatures))
	defer dev.StopQueue(0)
	for len(p.free) < depth {
		require.NoError(t, p.finish(nil))
	}
	require.EqualValues(t, depth, dev.Counters()["requests"])
}

// TestMemoryTakenAway: the guest's memory file is cut short while the device uses it.
func TestMemoryTakenAway(t *testing.T) {
	a, takeAway := virtiotest.FileMemory(t, 1<<20)
	ring, err := virtiotest.NewRing(a, queueSize, virtq.Options{})
	require.NoError(t, err)
	g := &gate{openFile(t, image(t, testSize), false), make(chan struct{}, 1), make(chan struct{})}
	dev := New(g, Options{})
	defer dev.Close()
	p, err := newPipeline(a, ring, 1, 4096)
	require.NoError(t, err)
	require.NoError(t, dev.StartQueue(0, ring.Queue, allFeatures))
	defer dev.StopQueue(0)
	require.NoError(t, p.start(kindIn, 0, nil))
	ring.Kick()
	<-g.entered
	require.NoError(t, takeAway())
	close(g.open)
	var fault *guestmem.FaultError
	require.ErrorAs(t, <-ring.Broken, &fault)
}
