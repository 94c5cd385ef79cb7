// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
)

// boundedConn ends a write that the guest does not take in time. The ttrpc client
// holds a lock while it writes, so that all calls would wait otherwise.
type boundedConn struct {
	net.Conn
	limit time.Duration
}

func (c *boundedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// asConn makes a connection of any stream.
func asConn(rwc io.ReadWriteCloser) net.Conn {
	if c, ok := rwc.(net.Conn); ok {
		return c
	}
	return &streamConn{ReadWriteCloser: rwc}
}

// streamConn is a stream that has no deadlines of its own: a write that is late
// closes it.
type streamConn struct {
	io.ReadWriteCloser

	mu    sync.Mutex
	timer *time.Timer // closes the stream at the write deadline
}

func (c *streamConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopTimer()
	if !t.IsZero() {
		c.timer = time.AfterFunc(time.Until(t), func() { c.ReadWriteCloser.Close() })
	}
	return nil
}

func (c *streamConn) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// Write ends the deadline, since it is about this write alone.
func (c *streamConn) Write(b []byte) (int, error) {
	defer c.SetWriteDeadline(time.Time{})
	return c.ReadWriteCloser.Write(b)
}

func (c *streamConn) Close() error {
	c.SetWriteDeadline(time.Time{})
	return c.ReadWriteCloser.Close()
}

func (c *streamConn) SetDeadline(t time.Time) error     { return c.SetWriteDeadline(t) }
func (c *streamConn) SetReadDeadline(t time.Time) error { return nil }
func (c *streamConn) LocalAddr() net.Addr               { return streamAddr{} }
func (c *streamConn) RemoteAddr() net.Addr              { return streamAddr{} }

type streamAddr struct{}

func (streamAddr) Network() string { return "stream" }
func (streamAddr) String() string  { return "stream" }

// muteTransport silences the log of the ttrpc library. It writes a line to standard
// error for each message that fits no call, and a guest can send any number of those.
var muteTransport = sync.OnceFunc(func() {
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	log.L = logrus.NewEntry(quiet)
})
