// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
)

// remoteRegions are those of a VM of ours with memory on both sides of the hole.
func remoteRegions() []MemRegion {
	return []MemRegion{
		{GuestAddr: 0, UserAddr: 0, Offset: 0, Size: 1 << 20},
		{GuestAddr: 4 << 30, UserAddr: 4 << 30, Offset: 1 << 20, Size: 4 << 20},
	}
}

// remoteMemory is the guest's memory as a Remote wants it.
func (g *guest) remoteMemory() (m []RemoteMemory) {
	for i, r := range g.regions {
		m = append(m, RemoteMemory{Addr: r.GuestAddr, Size: r.Size, FD: g.fds[i], Offset: int64(r.Offset)})
	}
	return m
}

// dialTo calls whoever listens at a path.
func dialTo(path string) Dial {
	return func(ctx context.Context) (*net.UnixConn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		return c.(*net.UnixConn), nil
	}
}

// newRemote makes a Remote of the guest's, which ends with the test.
func (g *guest) newRemote(dial Dial, id virtio.DeviceID, o RemoteOptions) *Remote {
	g.t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	r, err := NewRemote(context.Background(), dial, id, g.remoteMemory(), o)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, r.Close()) })
	return r
}

// direct is a queue as a transport hands it over.
func (q *guestQueue) direct(broken func(error)) virtio.DirectQueue {
	return virtio.DirectQueue{Layout: q.Layout(), Kick: q.kick, Call: q.call, Broken: broken}
}

// startDirect starts the guest's queues.
func (g *guest) startDirect(r *Remote, features uint64) {
	g.t.Helper()
	for i, q := range g.queues {
		require.NoError(g.t, r.StartDirect(i, q.direct(func(err error) { g.t.Errorf("queue %d is broken: %v", i, err) }), features))
	}
}

// host is a place where one back end after the other serves.
type host struct {
	t    testing.TB
	path string
	stop func()
}

func newHost(t testing.TB) *host {
	h := &host{t: t, path: filepath.Join(t.TempDir(), "h.sock"), stop: func() {}}
	t.Cleanup(func() { h.stop() })
	return h
}

// serve ends the back end that is there, and then serves dev.
func (h *host) serve(dev virtio.Device) {
	h.stop()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.path})
	require.NoError(h.t, err)
	b := NewBackend(dev, nil)
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	h.stop = func() {
		require.NoError(h.t, b.Close())
		require.NoError(h.t, <-served)
		h.stop = func() {}
	}
}

// returned waits until the Remote has come back so many times.
func returned(t testing.TB, r *Remote, n uint64) {
	t.Helper()
	require.Eventually(t, func() bool { return r.returns.Load() >= n }, patience, shortPause/10)
}

// counted is an echo device that counts how often its configuration is read, and
// may lack features and queues.
type counted struct {
	echo
	reads   atomic.Int64
	without uint64
	queues  int
}

func (d *counted) Features() uint64 { return d.echo.Features() &^ d.without }

func (d *counted) QueueSizes() []uint16 {
	sizes := d.echo.QueueSizes()
	if d.queues > 0 {
		sizes = sizes[:d.queues]
	}
	return sizes
}

func (d *counted) ReadConfig(off uint32, p []byte) {
	d.reads.Add(1)
	d.echo.ReadConfig(off, p)
}
