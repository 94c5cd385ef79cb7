// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
	"arcbox.dev/runtime/virtio/vsock"
)

// Operations of a vsock packet, and the size of its header in bytes (virtio 1.2 §5.10.6).
const (
	vsockRequest  = 1
	vsockResponse = 2
	vsockData     = 5
	vsockHeader   = 44
)

// vsockPacket lays out a packet of the guest's.
func vsockPacket(cid uint64, op uint16, data string) []byte {
	b := make([]byte, vsockHeader, vsockHeader+len(data))
	le := binary.LittleEndian
	le.PutUint64(b[0:], cid)
	le.PutUint64(b[8:], vsock.HostCID)
	le.PutUint32(b[16:], 1000) // source port
	le.PutUint32(b[20:], 70)   // destination port
	le.PutUint32(b[24:], uint32(len(data)))
	le.PutUint16(b[28:], 1) // stream
	le.PutUint16(b[30:], op)
	le.PutUint32(b[36:], 1<<16) // room for what comes
	return append(b, data...)
}

// TestRemoteVsock: a guest connects to the host and both talk, through a device
// that is served elsewhere; and again after its back end was replaced.
func TestRemoteVsock(t *testing.T) {
	const cid = 77
	h := newHost(t)
	serve := func() *vsock.Device {
		dev := vsock.New(cid, vsock.Options{})
		h.serve(dev)
		return dev
	}
	dev := serve()
	g := newGuest(t, remoteRegions())
	rx, tx, event := g.addQueue(64, allOptions, false), g.addQueue(64, allOptions, false), g.addQueue(16, allOptions, false)
	r := g.newRemote(dialTo(h.path), virtio.IDVsock, RemoteOptions{QueueSize: 64, InOrder: true})
	id := make([]byte, 8)
	r.ReadConfig(0, id)
	require.EqualValues(t, cid, binary.LittleEndian.Uint64(id))
	g.startDirect(r, r.Features()|r.RingFeatures())

	// Receive buffers, all of which stay with the device over the change.
	packets := make(map[uint16][]byte)
	for range 32 {
		buf, mem, err := g.arena.Buffer(4096, true)
		require.NoError(t, err)
		head, err := rx.Add(buf)
		require.NoError(t, err)
		packets[head] = mem
	}
	rx.Kick()
	send := func(op uint16, data string) {
		b := vsockPacket(cid, op, data)
		buf, mem, err := g.arena.Buffer(uint32(len(b)), false)
		require.NoError(t, err)
		copy(mem, b)
		_, err = tx.Add(buf)
		require.NoError(t, err)
		tx.Kick()
	}
	// receive waits for a packet and returns its data.
	receive := func(op uint16) string {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); {
			done := make([]virtqtest.Done, 1)
			n, err := rx.Reap(done)
			require.NoError(t, err)
			if n == 0 {
				if !rx.EnableInterrupts() && virtiotest.Readable(rx.callEnd, patience) {
					drainSignal(rx.callEnd)
				}
				continue
			}
			b := packets[done[0].Head][:done[0].Written]
			delete(packets, done[0].Head)
			if binary.LittleEndian.Uint16(b[30:]) == op {
				return string(b[vsockHeader:])
			}
		}
		t.Fatal("no such packet of operation", op)
		return ""
	}
	for n := range uint64(2) {
		l, err := dev.Listen(70)
		require.NoError(t, err)
		send(vsockRequest, "")
		receive(vsockResponse)
		c, err := l.Accept()
		require.NoError(t, err)
		send(vsockData, "from the guest")
		got := make([]byte, len("from the guest"))
		_, err = io.ReadFull(c, got)
		require.NoError(t, err)
		require.Equal(t, "from the guest", string(got))
		_, err = c.Write([]byte("from the host"))
		require.NoError(t, err)
		require.Equal(t, "from the host", receive(vsockData))
		require.NoError(t, c.Close())
		require.NoError(t, l.Close())
		if n == 0 {
			h.stop()
			require.NoError(t, dev.Close())
			dev = serve()
			returned(t, r, 1)
		}
	}
	for i := range g.queues {
		r.StopQueue(i)
	}
	h.stop()
	require.NoError(t, dev.Close())
	_, index := event.Used()
	require.Zero(t, index)
}
