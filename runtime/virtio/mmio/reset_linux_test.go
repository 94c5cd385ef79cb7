// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// gate is a disk that holds up reads.
type gate struct {
	blk.Disk
	entered, open chan struct{}
}

func (g *gate) Readv(bufs []guestmem.Segment, off int64) error {
	g.entered <- struct{}{}
	<-g.open
	return g.Disk.Readv(bufs, off)
}

// TestResetInRequest: a driver that resets the device in the midst of a request reads
// zero once the device has left the buffers alone, and not before.
func TestResetInRequest(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		g := &gate{newDisk(t, 4096), make(chan struct{}), make(chan struct{})}
		l := &linux{board: newBoard(t, newBlock(t, g), w)}
		l.probe(virtio.IDBlock, ^uint64(0))
		r := l.newRequest(0, 0, 512, true)
		_, err := l.queues[0].Add(r.bufs[:]...)
		require.NoError(t, err)
		l.queues[0].Kick()
		<-g.entered
		reset := make(chan struct{})
		go func() { defer close(reset); l.Write(regStatus, make([]byte, 4)) }()
		select {
		case <-reset:
			t.Fatal("reset while the device writes to the guest's buffers")
		case <-time.After(20 * time.Millisecond):
			var status [4]byte
			l.Read(regStatus, status[:]) // as another vCPU may
			require.EqualValues(t, 15, status[0])
		}
		close(g.open)
		virtiotest.Within(t, "the reset", func() { <-reset })
		require.Zero(t, l.get(regStatus))
		require.Zero(t, l.get(regInterruptStatus))
		require.Nil(t, l.Transport.queues[0].run)
	})
}
