// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// What a Remote is to a transport.
var _ interface {
	virtio.Device
	virtio.Direct
	virtio.RingFeatures
	virtio.ConfigChanger
	virtio.Counters
} = (*Remote)(nil)

const remoteFeatures = virtio.QueueFeatures | echoFeature

func TestRemote(t *testing.T) {
	h := newHost(t)
	dev := &counted{}
	h.serve(dev)
	g := newGuest(t, remoteRegions())
	for range 3 {
		g.addQueue(64, allOptions, false)
	}
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{QueueSize: 64})
	require.Equal(t, virtio.IDConsole, r.ID())
	require.EqualValues(t, echoFeature, r.Features())
	require.EqualValues(t, virtio.QueueFeatures, r.RingFeatures())
	require.Equal(t, []uint16{64, 64, 64}, r.QueueSizes())
	require.ErrorIs(t, r.StartQueue(0, nil, 0), errDirect)

	g.startDirect(r, remoteFeatures)
	for i, q := range g.queues {
		for n := range 200 {
			q.roundTrip(fmt.Sprint("queue ", i, " text ", n))
		}
	}
	// A queue that is stopped is still; one that is started again goes on.
	q := g.queues[1]
	r.StopQueue(1)
	r.StopQueue(1)
	_, err := q.Add(q.inB, q.ouB)
	require.NoError(t, err)
	q.Kick()
	require.False(t, virtiotest.Readable(q.callEnd, 20*time.Millisecond), "an interrupt of a stopped queue")
	require.NoError(t, r.StartDirect(1, q.direct(nil), remoteFeatures))
	require.Eventually(t, func() bool {
		n, err := q.Reap(make([]virtqtest.Done, 1))
		require.NoError(t, err)
		return n == 1
	}, patience, time.Millisecond)
	q.roundTrip("again")

	for i := range 3 {
		r.StopQueue(i)
	}
	_, before := dev.counts()
	r.Reset()
	_, resets := dev.counts()
	require.Equal(t, before+1, resets)
	// The next driver may want other features.
	plain := g.addQueue(64, virtq.Options{}, false)
	require.NoError(t, r.StartDirect(2, plain.direct(nil), virtio.FeatureVersion1))
	plain.roundTrip("plain")
	require.Equal(t, map[string]uint64{"reconnections": 0, "broken_queues": 0}, r.Counters())
}

// TestRemoteConfig: the configuration space is read once until it changes.
func TestRemoteConfig(t *testing.T) {
	h := newHost(t)
	dev := &counted{}
	h.serve(dev)
	g := newGuest(t, remoteRegions())
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{})
	changed := make(chan struct{}, 100)
	r.OnConfigChange(func() { changed <- struct{}{} })

	b := make([]byte, 4)
	dev.WriteConfig(0, []byte("0123456789"))
	r.ReadConfig(4, b)
	require.Equal(t, "4567", string(b))
	require.EqualValues(t, 1, dev.reads.Load())
	for off := range uint32(4) {
		r.ReadConfig(off, b)
		require.Equal(t, "01234567"[off:off+4], string(b))
	}
	require.EqualValues(t, 1, dev.reads.Load(), "reads of what was read before")
	r.ReadConfig(6, b)
	require.Equal(t, "6789", string(b))
	require.EqualValues(t, 2, dev.reads.Load())

	r.WriteConfig(1, []byte("ab"))
	r.ReadConfig(0, b)
	require.Equal(t, "0ab3", string(b))
	dev.WriteConfig(0, []byte("new!"))
	dev.Changed()()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("not told of a change")
	}
	r.ReadConfig(0, b)
	require.Equal(t, "new!", string(b))

	// Beyond the end, of the device's space or of the protocol's.
	for _, off := range []uint32{20, 252, 254, 255, 256, 1 << 31, 1<<32 - 1} {
		copy(b, "xxxx")
		r.ReadConfig(off, b)
		require.Equal(t, make([]byte, 4), b, "offset %d", off)
		r.WriteConfig(off, b)
	}
	r.ReadConfig(0, nil)
	r.WriteConfig(0, nil)
	// While nobody is there, it reads as it did.
	h.stop()
	r.ReadConfig(0, b)
	require.Equal(t, "new!", string(b))
	r.WriteConfig(0, b)
}

// TestRemoteStartRefused: a queue that cannot start is an error of StartDirect, and
// the next try finds nothing of it.
func TestRemoteStartRefused(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	q := g.addQueue(64, allOptions, false)
	g.addQueue(64, allOptions, false)
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{})
	edit := func(f func(*virtio.DirectQueue)) virtio.DirectQueue {
		d := q.direct(nil)
		f(&d)
		return d
	}
	good := q.direct(nil)
	big := g.addQueue(128, allOptions, false)
	before := virtiotest.OpenFiles(t)
	for _, tc := range []struct {
		name     string
		i        int
		q        virtio.DirectQueue
		features uint64
		want     string
	}{
		{"no such queue", 3, good, remoteFeatures, "has 3 queues"},
		{"negative queue", -1, good, remoteFeatures, "has 3 queues"},
		{"feature that is not offered", 0, good, remoteFeatures | 1<<3, "features 0x8 are not offered"},
		{"the protocol's feature", 0, good, remoteFeatures | FeatureProtocol, "are not offered"},
		{"no VERSION_1", 0, good, echoFeature, "VIRTIO_F_VERSION_1"},
		{"outside memory", 0, edit(func(d *virtio.DirectQueue) { d.Layout.Desc = 1 << 40 }), remoteFeatures, "descriptor table"},
		{"misaligned", 0, edit(func(d *virtio.DirectQueue) { d.Layout.Used++ }), remoteFeatures, "aligned"},
		{"larger than the back end takes", 2, big.direct(nil), remoteFeatures, ErrRefused.Error()},
		{"kick that is no eventfd", 0, edit(func(d *virtio.DirectQueue) { d.Kick = g.fds[0] }), remoteFeatures, ErrRefused.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, r.StartDirect(tc.i, tc.q, tc.features), tc.want)
			if tc.want != ErrRefused.Error() { // the back end, in this process too, keeps what it took
				require.Equal(t, before, virtiotest.OpenFiles(t), "descriptors")
			}
		})
	}
	require.NoError(t, r.StartDirect(0, good, remoteFeatures))
	require.ErrorContains(t, r.StartDirect(0, good, remoteFeatures), "the ring is running")
	require.ErrorContains(t, r.StartDirect(1, g.queues[1].direct(nil), virtio.QueueFeatures), "other queues run with")
	q.roundTrip("after all")
	require.Zero(t, r.returns.Load())
}

// TestNewRemoteFails: what makes a Remote impossible is told, and leaves nothing.
func TestNewRemoteFails(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	memory := g.remoteMemory()
	silent := func(context.Context) (*net.UnixConn, error) {
		ours, theirs := pairOfConns(t)
		t.Cleanup(func() { _ = theirs.Close() })
		return ours, nil
	}
	nobody := errors.New("nobody is there")
	for _, tc := range []struct {
		name   string
		dial   Dial
		memory []RemoteMemory
		o      RemoteOptions
		want   string
	}{
		{"nobody", func(context.Context) (*net.UnixConn, error) { return nil, nobody }, memory, RemoteOptions{}, nobody.Error()},
		{"silence", silent, memory, RemoteOptions{Timeout: 20 * time.Millisecond}, "vhost-user GET_FEATURES"},
		{"no memory", dialTo(h.path), nil, RemoteOptions{}, "0 regions"},
		{"too much memory", dialTo(h.path), make([]RemoteMemory, 9), RemoteOptions{}, "9 regions"},
		{"empty memory", dialTo(h.path), []RemoteMemory{{FD: g.fds[0]}}, RemoteOptions{}, "region 0 of 0 bytes"},
		{"no file", dialTo(h.path), []RemoteMemory{{FD: -1, Size: 4096}}, RemoteOptions{}, "bad file descriptor"},
		{"beyond the file", dialTo(h.path), []RemoteMemory{{FD: g.fds[0], Size: 1 << 40}}, RemoteOptions{}, "beyond the file's end"},
		{"overlap", dialTo(h.path), []RemoteMemory{memory[0], memory[0]}, RemoteOptions{}, "overlaps"},
		{"too few queues", dialTo(h.path), memory, RemoteOptions{Queues: 4}, "it has 3 queues, want 4"},
		{"odd size", dialTo(h.path), memory, RemoteOptions{QueueSize: 100}, "queue size 100"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, mapped := virtiotest.OpenFiles(t), countMappings(t)
			_, err := NewRemote(context.Background(), tc.dial, virtio.IDConsole, tc.memory, tc.o)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n")
			if tc.name != "silence" { // whose test has an end of its own open
				require.Eventually(t, func() bool { return virtiotest.OpenFiles(t) <= before }, patience, time.Millisecond, "descriptors")
			}
			require.Equal(t, mapped, countMappings(t))
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	virtiotest.Within(t, "NewRemote", func() {
		_, err := NewRemote(ctx, silent, virtio.IDConsole, memory, RemoteOptions{Timeout: time.Hour})
		require.ErrorIs(t, err, context.Canceled)
	})
}
