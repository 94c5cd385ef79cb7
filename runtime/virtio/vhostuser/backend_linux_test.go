// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/eventfd"
)

// frontEnds are the ways in which a front end sets a device up.
var frontEnds = []struct {
	name    string
	regions func() []MemRegion
	socket  bool // interrupts come over a socket
	connect func(*guest, *Frontend)
}{
	{"uml", umlRegions, true, (*guest).connectUML},
	{"qemu", qemuRegions, false, (*guest).connectQEMU},
	{"bare", umlRegions, false, (*guest).connectBare},
}

var allOptions = virtq.Options{EventIdx: true, Indirect: true}

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
			dev.mu.Lock()
			defer dev.mu.Unlock()
			return dev.changed == nil && dev.queues == [3]*echoQueue{}
		}, patience, time.Millisecond)
		require.Eventually(t, func() bool { return countMappings(t) == 0 }, patience, time.Millisecond)
		return countFiles(t), countMappings(t)
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
	require.NoError(t, raw.Control(func(fd uintptr) { ok = readable(int(fd), patience) }))
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
			require.Equal(t, [3]*echoQueue{}, dev.queues, "queues that run")
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

func TestConfigSpace(t *testing.T) {
	dev, b, path := startBackend(t, nil)
	f := dial(t, path)
	require.NoError(t, f.SetProtocolFeatures(ProtocolReplyAck|ProtocolConfig|ProtocolBackendChannel))
	for i := range dev.config {
		dev.WriteConfig(uint32(i), []byte{byte(i + 1)})
	}
	for _, tc := range []struct {
		off  uint32
		want []byte
	}{
		{0, []byte{1}},
		{3, []byte{4, 5, 6}},
		{19, []byte{20, 0, 0}},
		{20, []byte{0}},
		{251, make([]byte, 5)},
	} {
		got := make([]byte, len(tc.want))
		require.NoError(t, f.Config(tc.off, got))
		require.Equal(t, tc.want, got, "at %d", tc.off)
	}
	require.NoError(t, f.SetConfig(2, []byte{42, 43}))
	got := make([]byte, 5)
	require.NoError(t, f.Config(1, got))
	require.Equal(t, []byte{2, 42, 43, 5, 6}, got)
	require.ErrorIs(t, f.Config(250, make([]byte, 7)), ErrRefused)

	var changes atomic.Int32
	b.NotifyConfig() // there is no channel yet
	require.NoError(t, f.OpenChannel(func() { changes.Add(1) }))
	b.NotifyConfig()
	require.Eventually(t, func() bool { return changes.Load() == 1 }, patience, time.Millisecond)
	dev.mu.Lock()
	changed := dev.changed
	dev.mu.Unlock()
	changed()
	require.Eventually(t, func() bool { return changes.Load() == 2 }, patience, time.Millisecond)

	// A front end that never reads its channel does not block the device.
	ours, theirs, err := socketPair()
	require.NoError(t, err)
	defer ours.Close()
	defer theirs.Close()
	require.NoError(t, f.tell(setBackendChannel, file{}, int(theirs.Fd())))
	for range 10000 {
		b.NotifyConfig()
	}

	require.NoError(t, f.Close())
	require.Eventually(t, func() bool { dev.mu.Lock(); defer dev.mu.Unlock(); return dev.changed == nil }, patience, time.Millisecond)
	changed() // a device that is late
}

// TestRestart: a ring goes on where it was, however it was stopped.
func TestRestart(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(g *guest, f *Frontend)
	}{
		{"GET_VRING_BASE", func(g *guest, f *Frontend) {
			base, err := f.VringBase(0)
			require.NoError(g.t, err)
			require.Equal(g.t, uint16(3), base)
			require.NoError(g.t, f.SetVringNum(0, 256))
			require.NoError(g.t, f.SetVringAddr(0, g.queues[0].addr))
			require.NoError(g.t, f.SetVringBase(0, base))
			require.NoError(g.t, f.SetVringKick(0, g.queues[0].kick))
		}},
		{"disabled", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringEnable(0, false))
			require.NoError(g.t, f.SetVringEnable(0, false))
			require.NoError(g.t, f.SetVringEnable(0, true))
			require.NoError(g.t, f.SetVringEnable(0, true))
		}},
		{"new kick", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringKick(0, g.queues[0].kick))
		}},
		{"same memory", func(g *guest, f *Frontend) { g.setMemTable(f, false) }},
		{"memory elsewhere", func(g *guest, f *Frontend) {
			const away = 1 << 30
			g.enable(f, false)
			g.regions[len(g.regions)-1].UserAddr += away
			g.setMemTable(f, false)
			for i, q := range g.queues {
				require.NoError(g.t, f.SetVringAddr(i, VringAddr{q.addr.Desc + away, q.addr.Used + away, q.addr.Avail + away}))
			}
			g.enable(f, true)
		}},
		{"memory elsewhere, and back", func(g *guest, f *Frontend) {
			// Running rings whose addresses mean nothing any more stay stopped.
			moved := slices.Clone(g.regions)
			moved[len(moved)-1].UserAddr += 1 << 30
			require.ErrorIs(g.t, f.SetMemTable(moved, g.fds), ErrRefused)
			g.setMemTable(f, false)
			g.enable(f, false)
			g.enable(f, true)
		}},
		{"new call", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringCall(0, -1))
			require.NoError(g.t, f.SetVringCall(0, g.queues[0].call))
		}},
		{"the same again", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringNum(0, 256))
			require.NoError(g.t, f.SetVringAddr(0, g.queues[0].addr))
			require.NoError(g.t, f.SetFeatures(queueFeatures|FeatureProtocol|echoFeature))
		}},
		{"RESET_OWNER", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.tell(resetOwner, none{}))
			g.enable(f, true)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, path := startBackend(t, nil)
			g := newGuest(t, qemuRegions())
			q := g.addQueue(256, allOptions, false)
			other := g.addQueue(256, allOptions, false)
			f := dial(t, path)
			g.connectQEMU(f)
			for range 3 {
				q.roundTrip("before")
			}
			tc.do(g, f)
			for range 3 {
				q.roundTrip("after")
				other.roundTrip("other")
			}
		})
	}
}

// TestStoppedIsStill: a stopped ring's chains stay where they are until it starts.
func TestStoppedIsStill(t *testing.T) {
	_, _, path := startBackend(t, nil)
	g := newGuest(t, qemuRegions())
	q := g.addQueue(256, allOptions, false)
	f := dial(t, path)
	g.connectQEMU(f)
	q.roundTrip("before")
	require.NoError(t, f.SetVringEnable(0, false))
	drainSignal(q.callEnd) // the round trip may not have waited for it
	copy(q.in, "later")
	_, err := q.Add(q.inB, q.ouB)
	require.NoError(t, err)
	q.Kick()
	require.NoError(t, eventfd.Signal(q.kick))
	require.False(t, readable(q.callEnd, 20*time.Millisecond), "an interrupt of a ring that is disabled")
	require.NoError(t, f.SetVringEnable(0, true))
	require.Eventually(t, func() bool {
		n, err := q.Reap(make([]virtqtest.Done, 2))
		require.NoError(t, err)
		return n == 1
	}, patience, time.Millisecond)
}

// TestResetDevice: after it, everything is to be set again, and can be.
func TestResetDevice(t *testing.T) {
	dev, _, path := startBackend(t, nil)
	g := newGuest(t, qemuRegions())
	q := g.addQueue(256, allOptions, false)
	f := dial(t, path)
	g.connectQEMU(f)
	q.roundTrip("before")
	require.NoError(t, f.ResetDevice())
	starts, resets := dev.counts()
	require.Equal(t, [2]int{1, 1}, [2]int{starts, resets})
	require.NoError(t, f.SetVringEnable(0, true), "without a kick nothing starts")
	require.ErrorIs(t, f.SetVringKick(0, q.kick), ErrRefused)

	g2 := newGuest(t, umlRegions())
	q2 := g2.addQueue(64, virtq.Options{EventIdx: true, Indirect: true}, true)
	g2.connectUML(f)
	q2.roundTrip("after")
}
