// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// acceptor is a listener of a test.
type acceptor struct {
	net.Listener
	port uint32
}

func listen(t testing.TB, d *Device, port uint32) *acceptor {
	l, err := d.Listen(port)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return &acceptor{l, port}
}

func (a *acceptor) accept(t testing.TB) *net.UnixConn {
	t.Helper()
	c, err := a.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(testWait)))
	return c.(*net.UnixConn)
}

// dialed is the outcome of a Dial.
type dialed struct {
	conn *net.UnixConn
	err  error
}

func dial(ctx context.Context, d *Device, port uint32) <-chan dialed {
	out := make(chan dialed, 1)
	go func() {
		c, err := d.Dial(ctx, port)
		if c != nil {
			c.SetDeadline(time.Now().Add(testWait))
		}
		out <- dialed{c, err}
	}()
	return out
}

// reply is a packet that answers h.
func reply(h header, op operation) header {
	return packetTo(op, h.srcPort, h.dstPort)
}

func readAll(t testing.TB, c io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	return b
}

func TestAcceptAndTalk(t *testing.T) {
	g := newGuest(t, guestOptions{})
	l := listen(t, g.dev, 1024)
	require.Equal(t, "2:1024", l.Addr().String())
	g.send(packetTo(opRequest, 1024, 7))
	h, _ := g.expect(opResponse)
	require.EqualValues(t, 1024, h.srcPort)
	require.EqualValues(t, 7, h.dstPort)
	require.EqualValues(t, startWindow, h.bufAlloc)
	c := l.accept(t)

	g.send(packetTo(opData, 1024, 7), []byte("from the guest")...)
	require.Equal(t, "from the guest", string(readAll(t, c, 14)))
	_, err := c.Write([]byte("from the host"))
	require.NoError(t, err)
	h, data := g.expect(opData)
	require.Equal(t, "from the host", string(data))
	require.EqualValues(t, 14, h.fwdCount)
	g.quiet()
}

func TestDialAndTalk(t *testing.T) {
	g := newGuest(t, guestOptions{})
	d := dial(t.Context(), g.dev, 22)
	h, _ := g.expect(opRequest)
	require.EqualValues(t, 22, h.dstPort)
	g.send(reply(h, opResponse))
	got := <-d
	require.NoError(t, got.err)
	c := got.conn
	defer c.Close()
	_, err := c.Write([]byte("ping"))
	require.NoError(t, err)
	_, data := g.expect(opData)
	require.Equal(t, "ping", string(data))
	g.send(reply(h, opData), []byte("pong")...)
	require.Equal(t, "pong", string(readAll(t, c, 4)))
}

func TestDialRefused(t *testing.T) {
	g := newGuest(t, guestOptions{})
	d := dial(t.Context(), g.dev, 22)
	h, _ := g.expect(opRequest)
	g.send(reply(h, opReset))
	got := <-d
	require.ErrorIs(t, got.err, syscall.ECONNREFUSED)
	require.ErrorContains(t, got.err, "dialing vsock port 22")
	g.quiet()
	require.Zero(t, g.dev.Counters()["connections"])
}

func TestDialWaitsForDriver(t *testing.T) {
	g := newIdleGuest(t, guestOptions{})
	d := dial(t.Context(), g.dev, 22)
	time.Sleep(20 * time.Millisecond)
	g.start()
	h, _ := g.expect(opRequest)
	g.send(reply(h, opResponse))
	got := <-d
	require.NoError(t, got.err)
	got.conn.Close()
}

func TestDialTimesOut(t *testing.T) {
	for _, test := range []struct {
		name    string
		running bool
	}{{"before the driver is up", false}, {"guest does not answer", true}} {
		t.Run(test.name, func(t *testing.T) {
			g := newIdleGuest(t, guestOptions{})
			if test.running {
				g.start()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			got := <-dial(ctx, g.dev, 22)
			require.ErrorIs(t, got.err, context.DeadlineExceeded)
			if test.running {
				g.expect(opRequest)
				g.expect(opReset)
			} else {
				g.start()
			}
			g.quiet()
			require.Zero(t, g.dev.Counters()["connections"])
		})
	}
}

func TestCloseEndsDials(t *testing.T) {
	g := newIdleGuest(t, guestOptions{})
	d := dial(t.Context(), g.dev, 22)
	for g.dev.Counters()["connections"] == 0 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, g.dev.Close())
	require.ErrorIs(t, (<-d).err, syscall.ECONNABORTED)
}

// TestNothingAfterClose: who comes after Close must not wait for what it ended.
func TestNothingAfterClose(t *testing.T) {
	g := newGuest(t, guestOptions{})
	g.stop()
	require.NoError(t, g.dev.Close())
	ctx, cancel := context.WithTimeout(t.Context(), testWait)
	defer cancel()
	_, err := g.dev.Dial(ctx, 22)
	require.ErrorIs(t, err, syscall.ECONNABORTED)
	_, err = g.dev.Listen(1)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Zero(t, g.dev.Counters()["connections"])
}

func TestHostHalfCloses(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7).(*net.UnixConn)
	_, err := c.Write([]byte("last"))
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	g.expect(opData)
	h, _ := g.expect(opShutdown)
	require.Equal(t, shutSend, h.flags)
	// The other direction still works.
	g.send(packetTo(opData, 1, 7), []byte("answer")...)
	require.Equal(t, "answer", string(readAll(t, c, 6)))
	require.NoError(t, c.Close())
	h, _ = g.expect(opShutdown)
	require.Equal(t, shutBoth, h.flags)
	g.send(packetTo(opReset, 1, 7))
	g.quiet()
	require.Zero(t, g.dev.Counters()["connections"])
}

func TestGuestHalfCloses(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7).(*net.UnixConn)
	g.send(packetTo(opData, 1, 7), []byte("last")...)
	h := packetTo(opShutdown, 1, 7)
	h.flags = shutSend
	g.send(h)
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "last", string(got))
	_, err = c.Write([]byte("answer"))
	require.NoError(t, err)
	_, data := g.expect(opData)
	require.Equal(t, "answer", string(data))
	h.flags = shutReceive
	g.send(h)
	g.expect(opReset) // both directions are done
	require.Eventually(t, func() bool {
		_, err := c.Write([]byte("x"))
		return errors.Is(err, syscall.EPIPE)
	}, testWait, time.Millisecond)
}

func TestGuestStopsReading(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7).(*net.UnixConn)
	h := packetTo(opShutdown, 1, 7)
	h.flags = shutReceive
	g.send(h)
	g.settle()
	_, err := c.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EPIPE)
	g.send(packetTo(opData, 1, 7), []byte("still")...)
	require.Equal(t, "still", string(readAll(t, c, 5)))
	// Nothing is left to read for the device, and yet it notices.
	require.NoError(t, c.Close())
	h, _ = g.expect(opShutdown)
	require.Equal(t, shutBoth, h.flags)
}

func TestBothClose(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7)
	require.NoError(t, c.Close())
	g.expect(opShutdown)
	// The guest closed before it saw that.
	h := packetTo(opShutdown, 1, 7)
	h.flags = shutBoth
	g.send(h)
	g.expect(opReset)
	g.quiet()
	require.Zero(t, g.dev.Counters()["connections"])
}

func TestReuse(t *testing.T) {
	g := newGuest(t, guestOptions{})
	l := listen(t, g.dev, 1)
	before := openFiles(t)
	for range 50 {
		c := g.connect(l, 7)
		g.send(packetTo(opData, 1, 7), 'x')
		readAll(t, c, 1)
		h := packetTo(opShutdown, 1, 7)
		h.flags = shutBoth
		g.send(h)
		g.expect(opReset)
		n, err := c.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Equal(t, io.EOF, err)
		c.Close()
	}
	require.Equal(t, before, openFiles(t))
}

func TestGuestResets(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7)
	g.send(packetTo(opReset, 1, 7))
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	_, err = c.Write([]byte("x"))
	require.Error(t, err)
	g.quiet()
}

func TestLinger(t *testing.T) {
	g := newIdleGuest(t, guestOptions{})
	g.dev.linger = 20 * time.Millisecond
	g.start()
	c := g.connect(listen(t, g.dev, 1), 7)
	require.NoError(t, c.Close())
	g.expect(opShutdown)
	g.expect(opReset)
	g.quiet()
	require.Zero(t, g.dev.Counters()["connections"])
}

// TestOrderlyEndIsWhole: what a guest sent before it closed in good order reaches a
// host that reads slowly, even if the guest does not wait for that.
func TestOrderlyEndIsWhole(t *testing.T) {
	for _, test := range []struct {
		name   string
		resets bool
	}{{"guest waits", false}, {"guest gives up waiting", true}} {
		t.Run(test.name, func(t *testing.T) {
			g := newGuest(t, guestOptions{})
			c := g.connect(listen(t, g.dev, 1), 7)
			var sent []byte
			for g.dev.Counters()["backlogged"] == 0 {
				b := pattern(len(sent), 8<<10)
				g.send(packetTo(opData, 1, 7), b...)
				sent = append(sent, b...)
				g.settle()
				for { // credit updates
					if _, _, ok := g.poll(0); !ok {
						break
					}
				}
			}
			h := packetTo(opShutdown, 1, 7)
			h.flags = shutBoth
			g.send(h)
			if test.resets {
				g.send(packetTo(opReset, 1, 7))
			}
			g.quiet()
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, sent, got)
			if !test.resets {
				g.expect(opReset)
			}
			g.quiet()
			require.Zero(t, g.dev.Counters()["connections"])
		})
	}
}
