// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// with returns h after change.
func with(h header, change func(*header)) header {
	change(&h)
	return h
}

// TestInvalidPackets: what has no place ends the connection that it names, or is
// dropped, and never anything else.
func TestInvalidPackets(t *testing.T) {
	const known, unknown = 7, 8
	type outcome int
	const (
		dropped   outcome = iota
		reset             // and the connection, where it is known, ends
		tolerated         // the connection lives on
	)
	for _, test := range []struct {
		name    string
		h       header
		payload string
		want    outcome
	}{
		{"from another guest", with(packetTo(opRequest, 1, unknown), func(h *header) { h.srcCID = 43 }), "", dropped},
		{"from the host", with(packetTo(opRequest, 1, unknown), func(h *header) { h.srcCID = HostCID }), "", dropped},
		{"from a 64-bit CID", with(packetTo(opRequest, 1, unknown), func(h *header) { h.srcCID = testCID | 1<<32 }), "", dropped},
		{"to another guest", with(packetTo(opRequest, 1, unknown), func(h *header) { h.dstCID = 43 }), "", dropped},
		{"to itself", with(packetTo(opRequest, 1, unknown), func(h *header) { h.dstCID = testCID }), "", dropped},
		{"reset of nothing", packetTo(opReset, 1, unknown), "", dropped},
		{"data of nothing", packetTo(opData, 1, unknown), "x", reset},
		{"response to nothing", packetTo(opResponse, 1, unknown), "", reset},
		{"shutdown of nothing", packetTo(opShutdown, 1, unknown), "", reset},
		{"credit of nothing", packetTo(opCreditUpdate, 1, unknown), "", reset},
		{"credit request of nothing", packetTo(opCreditRequest, 1, unknown), "", reset},
		{"unknown operation of nothing", packetTo(99, 1, unknown), "", reset},
		{"nobody listens", packetTo(opRequest, 2, unknown), "", reset},
		{"request to port -1", packetTo(opRequest, ^uint32(0), unknown), "", reset},
		{"seqpacket request", with(packetTo(opRequest, 1, unknown), func(h *header) { h.socketType = 2 }), "", reset},

		{"operation 0", packetTo(0, 1, known), "", reset},
		{"operation 8", packetTo(8, 1, known), "", reset},
		{"operation 65535", packetTo(65535, 1, known), "", reset},
		{"request again", packetTo(opRequest, 1, known), "", reset},
		{"response again", packetTo(opResponse, 1, known), "", reset},
		{"more data than there is", with(packetTo(opData, 1, known), func(h *header) { h.length = 100 }), "short", reset},
		{"4 GiB of data", with(packetTo(opData, 1, known), func(h *header) { h.length = 1<<32 - 1 }), "short", reset},
		{"credit with data", with(packetTo(opCreditUpdate, 1, known), func(h *header) { h.length = 1 }), "x", reset},
		{"shutdown with data", with(packetTo(opShutdown, 1, known), func(h *header) { h.length = 1 }), "x", reset},
		{"credit with a length", with(packetTo(opCreditUpdate, 1, known), func(h *header) { h.length = 1 }), "", reset},

		{"no data", packetTo(opData, 1, known), "", tolerated},
		{"less data than there is", with(packetTo(opData, 1, known), func(h *header) { h.length = 1 }), "xyz", tolerated},
		{"shutdown of nothing at all", packetTo(opShutdown, 1, known), "", tolerated},
		{"shutdown with unknown flags", with(packetTo(opShutdown, 1, known), func(h *header) { h.flags = ^shutBoth }), "", tolerated},
		{"other type", with(packetTo(opData, 1, known), func(h *header) { h.socketType = 2 }), "", reset},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGuest(t, guestOptions{})
			c := g.connect(listen(t, g.dev, 1), known)
			g.sendSplit(test.h, []byte(test.payload))
			switch test.want {
			case dropped:
				g.quiet()
				require.EqualValues(t, 1, g.dev.Counters()["connections"])
				return
			case tolerated:
				g.quiet()
				if test.h.length == 1 {
					require.Equal(t, "x", string(readAll(t, c, 1)))
				}
				g.send(packetTo(opData, 1, known), 'y')
				require.Equal(t, "y", string(readAll(t, c, 1)))
				return
			}
			h, _ := g.expect(opReset)
			require.Equal(t, test.h.socketType, h.socketType)
			require.Equal(t, test.h.dstPort, h.srcPort)
			require.Equal(t, test.h.srcPort, h.dstPort)
			g.quiet()
			if test.h.srcPort == known && test.h.socketType == typeStream {
				_, err := c.Read(make([]byte, 1))
				require.Error(t, err)
				require.Zero(t, g.dev.Counters()["connections"])
			} else {
				require.EqualValues(t, 1, g.dev.Counters()["connections"])
			}
		})
	}
}

// TestPacketsWhileDialing: what a guest may not answer a request with.
func TestPacketsWhileDialing(t *testing.T) {
	for _, op := range []operation{opRequest, opShutdown, opData, opCreditUpdate, opCreditRequest, 99} {
		g := newGuest(t, guestOptions{})
		d := dial(t.Context(), g.dev, 22)
		h, _ := g.expect(opRequest)
		g.send(reply(h, op))
		require.ErrorIs(t, (<-d).err, syscall.ECONNRESET, "operation %d", op)
		g.expect(opReset)
		g.quiet()
	}
}

// TestFraming: descriptors may split packets anywhere, in both directions.
func TestFraming(t *testing.T) {
	for _, split := range [][]uint32{nil, {44}, {1, 43}, {43, 2}, {20, 24, 3}, {8, 8, 8, 8, 8, 8, 8}} {
		g := newGuest(t, guestOptions{})
		c := g.connect(listen(t, g.dev, 1), 7)
		g.sendSplit(with(packetTo(opData, 1, 7), func(h *header) { h.length = 20 }), pattern(0, 20), split...)
		require.Equal(t, pattern(0, 20), readAll(t, c, 20), "%v", split)
	}
	for _, sizes := range [][]uint32{{44, 10}, {54}, {10, 34, 1, 2, 3}, {43, 100}, {1, 1, 100}, {100, 100}} {
		g := newGuest(t, guestOptions{rxSizes: sizes})
		c := g.connect(listen(t, g.dev, 1), 7)
		want := pattern(0, 300)
		_, err := c.Write(want)
		require.NoError(t, err)
		var got []byte
		for len(got) < len(want) {
			_, data := g.expect(opData)
			got = append(got, data...)
		}
		require.Equal(t, want, got, "%v", sizes)
	}
}

func TestShortPackets(t *testing.T) {
	g := newGuest(t, guestOptions{})
	for n := uint32(1); n < headerSize; n += 7 {
		b := g.txBuffer()
		g.sendChain(b, []virtqtest.Buffer{{Addr: b.buf.Addr, Len: n}})
	}
	// No readable bytes at all.
	b := g.txBuffer()
	g.sendChain(b, []virtqtest.Buffer{{Addr: b.buf.Addr, Len: 100, Writable: true}})
	g.settle()
	g.quiet()
	require.EqualValues(t, 8, g.dev.Counters()["dropped"])
}

// TestUselessReceiveBuffers: buffers that hold no packet go back, and those after
// them are used.
func TestUselessReceiveBuffers(t *testing.T) {
	for _, test := range []struct {
		name  string
		sizes []uint32
		read  bool // the first buffer is readable
	}{
		{"too small for a header", []uint32{43}, false},
		{"too small for data", []uint32{44}, false},
		{"partly readable", []uint32{100, 4096}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newIdleGuest(t, guestOptions{rxSizes: test.sizes, rxCount: 70})
			g.hold = true
			if test.read {
				for _, b := range g.rxBuf {
					b.bufs[0].Writable = false
				}
			}
			good := attachBuffers(g, 5)
			g.start()
			l := listen(t, g.dev, 1)
			g.send(packetTo(opRequest, 1, 7))
			c := l.accept(t)
			_, err := c.Write([]byte("data"))
			require.NoError(t, err)
			var ops []operation
			for useless := 0; len(ops) < 2; {
				for _, d := range g.rx.reap(t, testWait) {
					if d.Written == 0 {
						useless++
						continue
					}
					var h header
					readHeader(&h, g.rxBuf[d.Head].mem)
					ops = append(ops, h.op)
				}
			}
			require.Equal(t, []operation{opResponse, opData}, ops)
			require.NotEmpty(t, good)
		})
	}
}

// attachBuffers adds useful receive buffers behind those that g has.
func attachBuffers(g *guest, n int) (added []*rxBuffer) {
	// Those that the device has were added with other flags: add them again.
	for range n {
		b, mem, err := g.rx.Arena.Buffer(headerSize+100, true)
		require.NoError(g.t, err)
		added = append(added, &rxBuffer{[]virtqtest.Buffer{b}, guestmem.Segments(mem)})
		g.addRx(added[len(added)-1])
	}
	return added
}

// TestOverrun: a guest that sends more than its credit loses the connection.
func TestOverrun(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7)
	// Up to the credit all is well, read by the host or not. What was forwarded is
	// credit only once the guest has been told.
	chunk := pattern(0, 4096)
	var sent int
	for g.dev.Counters()["backlogged"] == 0 {
		g.send(packetTo(opData, 1, 7), chunk...)
		g.settle()
		sent += len(chunk)
	}
	var allowed int
	for {
		h, _, ok := g.poll(20 * time.Millisecond)
		if !ok {
			break
		}
		require.Equal(t, opCreditUpdate, h.op)
		allowed = int(h.fwdCount + h.bufAlloc)
	}
	for ; sent+len(chunk) <= allowed; sent += len(chunk) {
		g.send(packetTo(opData, 1, 7), chunk...)
	}
	g.settle()
	g.quiet()
	if rest := allowed - sent; rest > 0 {
		g.send(packetTo(opData, 1, 7), chunk[:rest]...)
		g.quiet()
	}
	g.send(packetTo(opData, 1, 7), 'x')
	g.expect(opReset)
	g.quiet()
	_ = c
	require.Zero(t, g.dev.Counters()["connections"])
}

// TestNoReceiveBuffers: a guest that sends and supplies no buffers for the answers
// does not make the device grow, nor hang.
func TestNoReceiveBuffers(t *testing.T) {
	g := newIdleGuest(t, guestOptions{rxCount: 1})
	g.hold = true
	g.start()
	l := listen(t, g.dev, 1)
	c := g.connect(l, 7) // takes the only buffer
	for range 5000 {
		g.send(packetTo(opCreditRequest, 1, 7))
	}
	for port := range uint32(5000) {
		g.send(packetTo(opData, 9, port), 'x')
	}
	g.settle()
	require.LessOrEqual(t, int(g.dev.line.waiting.Load()), maxResets+1)
	require.EqualValues(t, 5000-maxResets, g.dev.Counters()["dropped"])
	// Data waits in the socket, not in the device.
	_, err := c.Write([]byte("first")) // a deadline may pass before a write begins
	require.NoError(t, err)
	require.NoError(t, c.(*net.UnixConn).SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = c.Write(make([]byte, 16<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	// With buffers all goes on: the answers first, then the data.
	g.hold = false
	attachBuffers(g, 20)
	g.rx.Kick()
	for range maxResets {
		g.expect(opReset)
	}
	g.expect(opCreditUpdate)
	g.expect(opData)
}

func TestBacklogOfListener(t *testing.T) {
	g := newGuest(t, guestOptions{})
	l := listen(t, g.dev, 1)
	for i := range uint32(listenBacklog) {
		g.send(packetTo(opRequest, 1, i))
		g.expect(opResponse)
	}
	g.send(packetTo(opRequest, 1, 99999))
	g.expect(opReset)
	l.accept(t)
	g.send(packetTo(opRequest, 1, 99999))
	g.expect(opResponse)
	before := openFiles(t)
	require.NoError(t, l.Close())
	for range listenBacklog {
		g.expect(opReset)
	}
	require.Equal(t, before-2*listenBacklog, openFiles(t))
	_, err := l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	g.send(packetTo(opRequest, 1, 5))
	g.expect(opReset)
}

func TestListen(t *testing.T) {
	g := newIdleGuest(t, guestOptions{})
	l := listen(t, g.dev, 1)
	_, err := g.dev.Listen(1)
	require.ErrorContains(t, err, "listening on vsock port 1: the port is taken")
	_, err = g.dev.Listen(^uint32(0))
	require.ErrorContains(t, err, "not a port")
	errs := make(chan error)
	go func() { _, err := l.Accept(); errs <- err }()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-errs, net.ErrClosed)
	require.NoError(t, l.Close())
	listen(t, g.dev, 1)
}

// TestStopQueueResets: a device that lost a queue has no connections, goroutines or
// descriptors any more, and starts again.
func TestStopQueueResets(t *testing.T) {
	for _, first := range []int{queueRx, queueTx} {
		g := newGuest(t, guestOptions{})
		before := runtime.NumGoroutine()
		files := openFiles(t)
		c := g.connect(listen(t, g.dev, 1), 7)
		waiting := dial(t.Context(), g.dev, 22)
		g.expect(opRequest)
		g.dev.StopQueue(first)
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		require.ErrorIs(t, (<-waiting).err, syscall.ECONNRESET)
		g.stop()
		c.Close()
		goroutinesEnd(t, before-3)
		require.Less(t, openFiles(t), files)
		// The same rings go on where they were left: no receive buffer is lost.
		g.restart()
		for i := range uint32(200) {
			g.send(packetTo(opData, 1, 1000+i), 'x')
			g.expect(opReset)
		}
	}
}

// goroutinesEnd waits until no more than so many goroutines are left: one that has
// said that it is done still takes a moment to end.
func goroutinesEnd(t *testing.T, want int) {
	t.Helper()
	for deadline := time.Now().Add(testWait); runtime.NumGoroutine() > want; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d goroutines, want %d", runtime.NumGoroutine(), want)
	}
}

// restart gives the device new queues over the rings of the old ones.
func (g *guest) restart() {
	for i, r := range []*ring{g.rx, g.tx} {
		require.NoError(g.t, r.Restart())
		require.NoError(g.t, g.dev.StartQueue(i, r.Queue, 0))
	}
}

// TestBrokenQueues: a guest that breaks the rules of a queue loses its connections,
// and the transport hears of it once.
func TestBrokenQueues(t *testing.T) {
	for _, name := range []string{"rx", "tx"} {
		t.Run(name, func(t *testing.T) {
			g := newIdleGuest(t, guestOptions{rxCount: 2})
			g.hold = true
			g.start()
			c := g.connect(listen(t, g.dev, 1), 7)
			r := g.rx
			if name == "tx" {
				r = g.tx
			}
			_, err := r.Add(virtqtest.Buffer{Addr: 1 << 50, Len: 100, Writable: name == "rx"})
			require.NoError(t, err)
			r.Kick()
			// The receive queue is looked at when there is something to send.
			for range 3 {
				_, _ = c.Write([]byte("x"))
				time.Sleep(time.Millisecond)
			}
			var broken *virtq.Error
			require.ErrorAs(t, <-r.Broken, &broken)
			require.Equal(t, virtq.BadAddress, broken.Reason)
			require.Eventually(t, func() bool { return g.dev.Counters()["connections"] == 0 }, testWait, time.Millisecond)
		})
	}
}

// TestMemoryTakenAway: the guest's memory file is cut short while the device uses it.
func TestMemoryTakenAway(t *testing.T) {
	arena, takeAway := virtiotest.FileMemory(t, 1<<20)
	g := &guest{t: t, dev: New(testCID, Options{}), rxBuf: make(map[uint16]*rxBuffer)}
	defer g.dev.Close()
	rx, err := virtiotest.NewRing(arena, queueSize, virtq.Options{})
	require.NoError(t, err)
	tx, err := virtiotest.NewRing(arena, queueSize, virtq.Options{})
	require.NoError(t, err)
	g.rx, g.tx = &ring{rx, arena}, &ring{tx, arena}
	for range 4 {
		b, mem, err := arena.Buffer(4096, false)
		require.NoError(t, err)
		g.txBuf = append(g.txBuf, txBuffer{buf: b, mem: mem})
	}
	attachBuffers(g, 10)
	g.start()
	defer g.stop()
	c := g.connect(listen(t, g.dev, 1), 7)
	require.NoError(t, takeAway())
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	var fault *guestmem.FaultError
	require.ErrorAs(t, <-rx.Broken, &fault)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
}
