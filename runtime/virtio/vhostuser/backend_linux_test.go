// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestEcho(t *testing.T) {
	for _, fe := range frontEnds {
		t.Run(fe.name, func(t *testing.T) {
			_, _, path := startBackend(t, nil)
			g := newGuest(t, fe.regions())
			for _, size := range []uint16{256, 128, 2} {
				g.addQueue(size, allOptions, fe.socket)
			}
			fe.connect(g, dial(t, path))
			for i := range 300 {
				for _, q := range g.queues {
					q.roundTrip(fmt.Sprint("message ", i))
				}
			}
		})
	}
}

// TestReconnect connects again and again, leaves in every manner, and wants nothing
// to stay behind.
func TestReconnect(t *testing.T) {
	log := &logBuffer{}
	dev, _, path := startBackend(t, log.logger())
	leave := []struct {
		name string
		do   func(*guest, *Frontend)
	}{
		{"closing", func(g *guest, f *Frontend) {}},
		{"in the middle of a message", func(g *guest, f *Frontend) {
			require.NoError(t, f.conn.write(words(5, 1, 72, 1), g.fds))
		}},
		{"without reading replies", func(g *guest, f *Frontend) {
			for range 10 {
				require.NoError(t, f.conn.send(getFeatures, 0, none{}))
			}
		}},
		{"with its memory", func(g *guest, f *Frontend) {
			require.NoError(t, g.file.Truncate(0))
			_ = eventfd.Signal(g.queues[0].kick)
		}},
		{"with its interrupts closed", func(g *guest, f *Frontend) {
			for _, q := range g.queues {
				q.closeSignals()
			}
		}},
		{"stopping in order", func(g *guest, f *Frontend) {
			for i := range g.queues {
				_, err := f.VringBase(i)
				require.NoError(t, err)
			}
		}},
	}
	round := func(i int) {
		fe := frontEnds[i%len(frontEnds)]
		g := newGuest(t, fe.regions())
		q := g.addQueue(256, allOptions, fe.socket)
		g.addQueue(128, allOptions, fe.socket)
		f := dial(t, path)
		fe.connect(g, f)
		q.roundTrip("hello")
		leave[i/len(frontEnds)%len(leave)].do(g, f)
		require.NoError(t, f.Close())
		g.close()
		_, resets := dev.counts()
		require.Eventually(t, func() bool { _, n := dev.counts(); return n > resets || n > i }, patience, time.Millisecond)
	}
	for i := range 18 {
		round(i)
	}
	// What follows needs nothing that is not there by now.
	settle := func() (files, mappings int) {
		require.Eventually(t, func() bool {
			return dev.Changed() == nil && dev.Idle()
		}, patience, time.Millisecond)
		require.Eventually(t, func() bool { return countMappings(t) == 0 }, patience, time.Millisecond)
		return virtiotest.OpenFiles(t), countMappings(t)
	}
	files, mappings := settle()
	for i := 18; i < 118; i++ {
		round(i)
	}
	gotFiles, gotMappings := settle()
	require.Equal(t, files, gotFiles, "descriptors")
	require.Equal(t, mappings, gotMappings, "mappings")
}

// TestGone: a front end that goes is no error, with replies unread or unsent.
func TestGone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		leave func(c *conn)
	}{
		{"at rest", func(*conn) {}},
		{"with replies unread", func(c *conn) {
			require.NoError(t, c.send(getFeatures, 0, none{}))
			require.NoError(t, c.send(getFeatures, 0, none{}))
			require.True(t, c.awaitsReading(t))
		}},
		{"with replies unsent", func(c *conn) {
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
			for c.send(setOwner, flagNeedReply, none{}) == nil {
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := pairOfConns(t)
			served := make(chan error, 1)
			go func() { served <- NewBackend(&echo{}, nil).ServeConn(theirs) }()
			tc.leave(newConn(ours))
			require.NoError(t, ours.Close())
			require.NoError(t, <-served)
		})
	}
}

// awaitsReading waits until there is something to read.
func (c *conn) awaitsReading(t *testing.T) (ok bool) {
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { ok = virtiotest.Readable(int(fd), patience) }))
	return ok
}

// TestOneAtATime: the second front end waits for the first to go, and ServeConn
// refuses to serve two.
func TestOneAtATime(t *testing.T) {
	_, b, path := startBackend(t, nil)
	first, second := dial(t, path), dial(t, path)
	_, err := first.Features()
	require.NoError(t, err)

	third, theirs := pairOfConns(t)
	require.ErrorIs(t, b.ServeConn(theirs), errBusy)
	_, err = NewFrontend(third).Features()
	require.Error(t, err)

	second.Timeout = 20 * time.Millisecond
	_, err = second.Features()
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, first.Close())
	second.Timeout = patience
	require.NoError(t, second.conn.SetDeadline(time.Time{}))
	// The answer to the question that timed out.
	m, err := second.conn.receive()
	require.NoError(t, err)
	require.Equal(t, getFeatures, m.request)
	_, err = second.Features()
	require.NoError(t, err)
}

// TestClose ends a Backend that is at various things.
func TestClose(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, path string)
	}{
		{"accepting", func(*testing.T, string) {}},
		{"serving", func(t *testing.T, path string) {
			g := newGuest(t, umlRegions())
			q := g.addQueue(256, allOptions, true)
			g.connectUML(dial(t, path))
			q.roundTrip("hello")
		}},
		{"in a message", func(t *testing.T, path string) {
			f := dial(t, path)
			_, err := f.Features()
			require.NoError(t, err)
			require.NoError(t, f.conn.write(words(1, 1), nil))
		}},
		{"blocked by one that does not read", func(t *testing.T, path string) {
			f := dial(t, path)
			require.NoError(t, f.conn.SetDeadline(time.Now().Add(100*time.Millisecond)))
			for f.conn.send(getFeatures, 0, none{}) == nil {
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sock")
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
			require.NoError(t, err)
			dev := &echo{}
			b := NewBackend(dev, nil)
			served := make(chan error, 1)
			go func() { served <- b.Serve(l) }()
			tc.do(t, path)
			require.NoError(t, b.Close())
			require.NoError(t, b.Close())
			require.True(t, dev.Idle(), "queues that run")
			require.NoError(t, <-served)
			require.NoError(t, b.Serve(l))
			_, theirs := pairOfConns(t)
			require.NoError(t, b.ServeConn(theirs))
		})
	}
}

// TestAcceptExhausted: a Backend of a process without a free descriptor waits for
// one.
func TestAcceptExhausted(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "sock")})
	require.NoError(t, err)
	f := dial(t, l.Addr().String())
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) })
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}))

	log := &logBuffer{}
	b := NewBackend(&echo{}, log.logger())
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	log.wait(t, "cannot accept a front end")
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	_, err = f.Features()
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.NoError(t, <-served)
}

// TestAcceptFails: a listener that is closed by somebody else is an error.
func TestAcceptFails(t *testing.T) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "sock")})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorIs(t, NewBackend(&echo{}, nil).Serve(l), net.ErrClosed)
}
