// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWindowGrows: a connection whose reader keeps up gets a larger window, one
// whose reader does not stays as it was.
func TestWindowGrows(t *testing.T) {
	for _, buffer := range []uint32{largeWindow, guestBuffer, 100} {
		t.Run(fmt.Sprint(buffer), func(t *testing.T) { testWindowGrows(t, buffer) })
	}
}

func testWindowGrows(t *testing.T, buffer uint32) {
	s := newStack(t, guestOptions{})
	s.g.dev.paceTime = testWait
	s.buffer = buffer
	l := listen(t, s.g.dev, 1)
	window := func(c *socket) uint32 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return c.peerAlloc
	}
	c := mustDial(t, s, 1)
	host := l.accept(t)
	require.EqualValues(t, startWindow, window(c))
	go io.Copy(io.Discard, host)
	// One window's worth at a time, so that the socket never fills up.
	for window(c) < buffer {
		before := s.g.dev.Counters()["tx_bytes"]
		_, err := c.Write(make([]byte, 32<<10))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return s.g.dev.Counters()["tx_bytes"] == before+32<<10 }, testWait, 10*time.Microsecond)
	}
	_, err := c.Write(make([]byte, 100*buffer))
	require.NoError(t, err)
	require.EqualValues(t, max(buffer, startWindow), window(c))

	// Nobody reads: what the socket holds alone does not make the window grow.
	before := s.g.dev.Counters()["backlogged"]
	slow := mustDial(t, s, 1)
	host = l.accept(t)
	done := make(chan struct{})
	go func() { defer close(done); slow.Write(make([]byte, 1<<20)) }()
	require.Eventually(t, func() bool { return s.g.dev.Counters()["backlogged"] > before }, testWait, time.Millisecond)
	require.EqualValues(t, startWindow, window(slow))
	host.Close()
	<-done
}

// TestWindowBudget: windows shrink for new connections when the budget is spent,
// which they do not exceed by more than the smallest.
func TestWindowBudget(t *testing.T) {
	const full = 8
	g := newGuest(t, guestOptions{dev: Options{WindowBudget: full * startWindow}})
	listen(t, g.dev, 1)
	for i := range uint32(full + 10) {
		g.send(packetTo(opRequest, 1, i))
		h, _ := g.expect(opResponse)
		if i < full {
			require.EqualValues(t, startWindow, h.bufAlloc)
		} else {
			require.EqualValues(t, smallWindow, h.bufAlloc)
		}
	}
	require.False(t, g.dev.grant(startWindow))
	for i := range uint32(full + 10) {
		g.send(packetTo(opReset, 1, i))
	}
	g.settle()
	require.Zero(t, g.dev.granted)
	require.True(t, g.dev.grant(startWindow))
	require.False(t, g.dev.grant(largeWindow))
}

// TestCreditRequest: out of credit, the device asks once and then waits, and sends
// exactly what it is given.
func TestCreditRequest(t *testing.T) {
	g := newGuest(t, guestOptions{})
	l := listen(t, g.dev, 1)
	g.send(with(packetTo(opRequest, 1, 7), func(h *header) { h.bufAlloc = 10 }))
	g.expect(opResponse)
	c := l.accept(t)
	want := pattern(0, 100)
	_, err := c.Write(want)
	require.NoError(t, err)
	_, data := g.expect(opData)
	require.Equal(t, want[:10], data)
	g.expect(opCreditRequest)
	g.quiet()
	credit := func(alloc, forwarded uint32) {
		g.send(with(packetTo(opCreditUpdate, 1, 7), func(h *header) { h.bufAlloc, h.fwdCount = alloc, forwarded }))
	}
	credit(10, 0)  // no more than before: not asked for again
	credit(5, 0)   // less
	credit(10, 50) // nonsense
	g.quiet()
	credit(10, 7)
	_, data = g.expect(opData)
	require.Equal(t, want[10:17], data)
	g.expect(opCreditRequest)
	credit(93, 17)
	var got []byte
	for len(got) < 83 {
		_, data = g.expect(opData)
		got = append(got, data...)
	}
	require.Equal(t, want[17:], got)
	g.quiet()
}

// TestEndNeedsNoCredit: the end behind the last byte that there is credit for.
func TestEndNeedsNoCredit(t *testing.T) {
	for _, late := range []bool{false, true} {
		g := newGuest(t, guestOptions{})
		l := listen(t, g.dev, 1)
		g.send(with(packetTo(opRequest, 1, 7), func(h *header) { h.bufAlloc = 10 }))
		g.expect(opResponse)
		c := l.accept(t)
		_, err := c.Write(make([]byte, 10))
		require.NoError(t, err)
		if late {
			g.expect(opData)
			g.quiet() // nothing is left to be read
		}
		require.NoError(t, c.Close())
		if !late {
			g.expect(opData)
		}
		h, _ := g.expect(opShutdown)
		require.Equal(t, shutBoth, h.flags)
		g.quiet()
	}
}

// TestCreditUpdates: the guest is told when half of its window has become free, or
// when it asks.
func TestCreditUpdates(t *testing.T) {
	g := newGuest(t, guestOptions{})
	c := g.connect(listen(t, g.dev, 1), 7)
	go io.Copy(io.Discard, c)
	g.send(packetTo(opData, 1, 7), make([]byte, startWindow/2-1)...)
	g.quiet()
	g.send(packetTo(opCreditRequest, 1, 7))
	h, _ := g.expect(opCreditUpdate)
	require.EqualValues(t, startWindow/2-1, h.fwdCount)
	g.send(packetTo(opData, 1, 7), make([]byte, startWindow/2)...)
	h, _ = g.expect(opCreditUpdate)
	require.EqualValues(t, startWindow-1, h.fwdCount)
	g.quiet()
}
