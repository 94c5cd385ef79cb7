// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestResumeAt: where a successor begins, by what the rings say.
func TestResumeAt(t *testing.T) {
	const size = 16
	for _, tc := range []struct {
		name        string
		first       uint16   // index at which the driver's use began
		avail, used []uint16 // heads from there on
		fresh       bool     // no back end has had the queue
		left        int      // of avail, those that were there when the last one went
		inOrder     bool
		want        error
		text        string
	}{
		{name: "fresh", avail: []uint16{1, 2}, fresh: true},
		{name: "nothing in flight", avail: []uint16{1, 2}, used: []uint16{2, 1}, left: 2},
		{name: "added since", avail: []uint16{1, 2, 3}, used: []uint16{2, 1}, left: 2},
		{name: "in flight", avail: []uint16{1, 2, 3}, used: []uint16{1}, left: 2, want: errInFlight},
		{name: "in flight, nothing used", avail: []uint16{1}, left: 1, want: errInFlight},
		{name: "in flight, in order", avail: []uint16{1, 2, 3}, used: []uint16{1, 2}, left: 3, inOrder: true},
		{name: "in order, nothing used", avail: []uint16{1, 2, 3}, left: 3, inOrder: true},
		{name: "out of order", avail: []uint16{1, 2, 3}, used: []uint16{2}, left: 3, inOrder: true, want: errDisorder},
		{name: "indexes wrap", first: 65534, avail: []uint16{1, 2, 3, 4}, used: []uint16{1, 2, 3}, left: 4, inOrder: true},
		{name: "indexes wrap out of order", first: 65534, avail: []uint16{1, 2, 3, 4}, used: []uint16{1, 3, 2}, left: 4, inOrder: true, want: errDisorder},
		{name: "full queue", avail: make([]uint16, size), left: size, inOrder: true},
		{name: "too many", avail: make([]uint16, size+1), left: 1, inOrder: true, text: "17 requests in flight"},
		{name: "used before it was available", avail: []uint16{1}, used: []uint16{1, 1}, left: 1, inOrder: true, text: "65535 requests in flight"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGuest(t, remoteRegions())
			q := g.addQueue(size, allOptions, false)
			r := &Remote{mem: &memory{guest: g.memory}}
			q.SetUsed(0, tc.first)
			ring, err := r.newRing(0, q.direct(nil))
			require.NoError(t, err)
			defer ring.close()
			for i, head := range tc.avail {
				q.SetAvailEntry(tc.first+uint16(i), head)
			}
			q.SetAvail(0, tc.first+uint16(tc.left))
			if !tc.fresh {
				ring.on = &link{}
			}
			ring.noteLoss()
			q.SetAvail(0, tc.first+uint16(len(tc.avail)))
			for i, head := range tc.used {
				setUsedEntry(t, q, g, tc.first+uint16(i), head)
			}
			q.SetUsed(0, tc.first+uint16(len(tc.used)))
			base, err := ring.resumeAt(g.memory, tc.inOrder)
			switch {
			case tc.text != "":
				require.ErrorContains(t, err, tc.text)
			case tc.want != nil:
				require.ErrorIs(t, err, tc.want)
			default:
				require.NoError(t, err)
				require.Equal(t, tc.first+uint16(len(tc.used)), base)
			}
		})
	}
}

// setUsedEntry writes an element of the used ring.
func setUsedEntry(t *testing.T, q *guestQueue, g *guest, i, head uint16) {
	l := q.Layout()
	b, err := g.memory.Slice(l.Used+4+8*uint64(i%l.Size), 8)
	require.NoError(t, err)
	b[0], b[1] = byte(head), byte(head>>8)
}

// TestResumeAtMemoryGone: a back end that takes the memory away is an error.
func TestResumeAtMemoryGone(t *testing.T) {
	g := newGuest(t, remoteRegions())
	q := g.addQueue(16, allOptions, false)
	r := &Remote{mem: &memory{guest: g.memory}}
	ring, err := r.newRing(0, q.direct(nil))
	require.NoError(t, err)
	defer ring.close()
	require.NoError(t, g.file.Truncate(0))
	_, err = ring.resumeAt(g.memory, true)
	require.ErrorContains(t, err, "memory was taken away")
	_, err = r.newRing(1, virtio.DirectQueue{Layout: q.Layout()})
	require.ErrorContains(t, err, "memory was taken away")
}

// TestSignalShared: whatever the other side does with an eventfd, who signals it
// does not wait.
func TestSignalShared(t *testing.T) {
	fd := virtiotest.Eventfd(t, 0)
	signalShared(fd)
	require.True(t, virtiotest.Readable(fd, 0))
	full := make([]byte, 8)
	for i := range full {
		full[i] = 0xff
	}
	full[0] = 0xfd // with the 1 from above, the greatest there is
	_, err := unix.Write(fd, full)
	require.NoError(t, err)
	virtiotest.Within(t, "signalShared", func() { signalShared(fd) })
	virtiotest.Within(t, "signalShared", func() { signalShared(-1) })
}

// TestSignalSharedBlocked: a counter that is full each time after it was not makes
// the signal itself block.
func TestSignalSharedBlocked(t *testing.T) {
	fd := virtiotest.Eventfd(t, 0)
	stop := make(chan struct{})
	var filling sync.WaitGroup
	filling.Go(func() {
		most := binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = unix.Write(fd, most) // which blocks while the counter is not 0
			}
		}
	})
	drain := func() { _, _ = unix.Preadv2(fd, [][]byte{make([]byte, 8)}, -1, unix.RWF_NOWAIT) }
	virtiotest.Within(t, "signalShared", func() {
		for range 20 {
			signalShared(fd)
			drain()
		}
	})
	close(stop)
	stopped := make(chan struct{})
	go func() { defer close(stopped); filling.Wait() }()
	for {
		select {
		case <-stopped:
			return
		case <-time.After(time.Millisecond):
			drain()
		}
	}
}
