// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStopUnderLoad stops and starts the queues again and again while connections
// of both sides come, talk and go.
func TestStopUnderLoad(t *testing.T) {
	s := newStack(t, guestOptions{})
	d := s.g.dev
	l := listen(t, d, 1)
	s.listen(7, func(c *socket) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}); c.CloseWrite() })
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { io.Copy(c, c); c.Close() })
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := make(chan struct{})
	running := func() bool {
		select {
		case <-stop:
			return false
		default:
			return true
		}
	}
	talk := func(c io.ReadWriteCloser) {
		b := make([]byte, 20000)
		for range 10 {
			if _, err := c.Write(b); err != nil {
				break
			}
			if _, err := io.ReadFull(c, b); err != nil {
				break
			}
		}
		c.Close()
	}
	for range 4 {
		wg.Go(func() {
			for running() {
				if c, err := d.Dial(ctx, 7); err == nil {
					c.SetDeadline(time.Now().Add(testWait))
					talk(c)
				}
			}
		})
		wg.Go(func() {
			for running() {
				if c, err := s.dial(1); err == nil {
					talk(c)
				}
			}
		})
	}
	for i := range 100 {
		time.Sleep(time.Duration(i%7) * time.Millisecond)
		first, second := queueRx, queueTx
		if i%2 == 1 {
			first, second = second, first
		}
		d.StopQueue(first)
		d.StopQueue(second)
		s.reset()
		s.g.restart()
	}
	// Each side's dials are made to fail, not hoped to be over: whoever saw that the
	// test runs may be about to dial, however long ago that was.
	close(stop)
	s.close()
	s.g.stop()
	cancel()
	require.NoError(t, l.Close())
	wg.Wait()
	require.Zero(t, d.Counters()["connections"])
	require.Zero(t, d.granted)
	// Dials that ended while there was no queue leave the line when there is one.
	require.NoError(t, s.g.rx.Restart())
	require.NoError(t, d.StartQueue(queueRx, s.g.rx.Queue, 0))
	require.Eventually(t, func() bool { return d.line.waiting.Load() == 0 }, testWait, time.Millisecond)
	d.StopQueue(queueRx)
}

// TestIdleConnectionsAreCheap: no goroutine, and little memory, for one that is idle.
func TestIdleConnectionsAreCheap(t *testing.T) {
	const count = 500
	g := newGuest(t, guestOptions{})
	l := listen(t, g.dev, 1)
	goroutines := runtime.NumGoroutine()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ends := make([]net.Conn, count)
	for i := range ends {
		g.send(packetTo(opRequest, 1, uint32(i)))
		g.expect(opResponse)
		ends[i] = l.accept(t)
	}
	goroutinesEnd(t, goroutines)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int64(after.HeapAlloc-before.HeapAlloc) / count
	t.Logf("%d bytes a connection, with the host's end and the test's part", each)
	require.Less(t, each, int64(4096))
	runtime.KeepAlive(ends)
}
