// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
)

// TestOutputBatch: what waits together is written together, in order.
func TestOutputBatch(t *testing.T) {
	for _, o := range []virtq.Options{{}, {EventIdx: true}} {
		g, out := newGuest(t, transmitSize, o), &sink{}
		d := New(out, Options{})
		for range 10 {
			g.send([]byte("one "), []byte("two "), []byte("three\n"))
		}
		g.ring.Kick()
		require.NoError(t, d.StartQueue(transmitQueue, g.ring.Queue, 0))
		g.reap(10)
		g.send([]byte("end"))
		g.ring.Kick()
		g.reap(1)
		d.StopQueue(transmitQueue)
		require.Len(t, out.writes, 2)
		require.Len(t, out.writes[0], 140)
		require.Equal(t, "one two three\none ", string(out.writes[0][:18]))
		require.Equal(t, "end", string(out.writes[1]))
		require.EqualValues(t, 143, d.Counters()["output_bytes"])
		require.EqualValues(t, 2, d.Counters()["output_writes"])
		require.NoError(t, d.Close())
	}
}

// TestOutputSizes: whatever a chain's size, its bytes come whole.
func TestOutputSizes(t *testing.T) {
	g, out := newGuest(t, transmitSize, virtq.Options{}), &sink{}
	d := New(out, Options{})
	require.NoError(t, d.StartQueue(transmitQueue, g.ring.Queue, 0))
	defer d.StopQueue(transmitQueue)
	for _, n := range []int{1, pieceSize - 1, pieceSize, pieceSize + 1, 5*pieceSize + 7} {
		out.writes = nil
		want := numbered(n)
		g.send(want[:n/3+1], want[n/3+1:])
		g.ring.Kick()
		g.reap(1)
		require.Equal(t, want, out.all(), n)
		for _, w := range out.writes {
			require.LessOrEqual(t, len(w), pieceSize)
		}
	}
}

// broken is a sink that takes three bytes of each write.
type broken struct{}

func (broken) Write(p []byte) (int, error) { return min(3, len(p)), errors.New("full") }

// TestOutputLost: a sink that fails does not hold up the guest.
func TestOutputLost(t *testing.T) {
	g, d := newGuest(t, transmitSize, virtq.Options{}), New(broken{}, Options{})
	require.NoError(t, d.StartQueue(transmitQueue, g.ring.Queue, 0))
	defer d.StopQueue(transmitQueue)
	g.send([]byte("lost bytes"))
	g.ring.Kick()
	g.reap(1)
	require.EqualValues(t, 3, d.Counters()["output_bytes"])
	require.EqualValues(t, 7, d.Counters()["lost_bytes"])
	require.Empty(t, g.ring.Broken)
}

// gate is a sink that holds up writes.
type gate struct {
	sink
	entered, open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	g.entered <- struct{}{}
	<-g.open
	return g.sink.Write(p)
}

// TestStopInBatch: a queue is given back between chains, or in the midst of one that
// is many pieces long; the chains that were not begun are left to who comes next.
func TestStopInBatch(t *testing.T) {
	g := newGuest(t, transmitSize, virtq.Options{})
	out := &gate{entered: make(chan struct{}, 100), open: make(chan struct{})}
	d := New(out, Options{})
	g.send(numbered(8 * pieceSize))
	g.send([]byte("next"))
	g.ring.Kick()
	require.NoError(t, d.StartQueue(transmitQueue, g.ring.Queue, 0))
	<-out.entered
	stopped := make(chan struct{})
	go func() { d.StopQueue(transmitQueue); close(stopped) }()
	for !g.ring.Queue.Stopped() {
	}
	close(out.open)
	<-stopped
	require.Equal(t, numbered(pieceSize), out.all())
	require.Zero(t, g.ring.Queue.InFlight())

	require.NoError(t, g.ring.Restart())
	require.NoError(t, d.StartQueue(transmitQueue, g.ring.Queue, 0))
	g.reap(2)
	d.StopQueue(transmitQueue)
	d.StopQueue(transmitQueue) // does nothing
	require.Equal(t, "next", string(out.all()[pieceSize:]))
}
