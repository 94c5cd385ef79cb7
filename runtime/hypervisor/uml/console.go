// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"io"
	"os"
	"sync"
	"time"

	"arcbox.dev/runtime/events"
)

const (
	consoleKeep = 64 << 10 // bytes of console output kept for readers that come later
	logLimit    = 4 << 20  // bytes of console output kept in the log file
)

// console keeps the last of what a guest wrote, hands it to any number of readers,
// and copies it to a log. Memory is bounded whatever the guest writes: a reader
// that is too slow loses the oldest bytes.
type console struct {
	mu     sync.Mutex
	more   sync.Cond
	buf    []byte // ring of consoleKeep bytes
	total  int64  // bytes ever written; buf holds the last min(total, consoleKeep)
	closed bool
	first  time.Duration // CLOCK_MONOTONIC of the first byte, 0 before
}

func newConsole() *console {
	c := &console{buf: make([]byte, consoleKeep)}
	c.more.L = &c.mu
	return c
}

// copyFrom reads r to its end, and closes the console then.
func (c *console) copyFrom(r io.Reader, log *os.File) {
	p := make([]byte, 4096)
	logged := 0
	for {
		n, err := r.Read(p)
		c.write(p[:n])
		if log != nil && logged < logLimit {
			m := min(n, logLimit-logged)
			log.Write(p[:m]) // a full disk costs the log, not the guest
			logged += m
		}
		if err != nil {
			break
		}
	}
	c.mu.Lock()
	c.closed = true
	c.more.Broadcast()
	c.mu.Unlock()
}

func (c *console) write(p []byte) {
	if len(p) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == 0 {
		c.first = events.Now()
	}
	for len(p) > 0 {
		n := copy(c.buf[c.total%consoleKeep:], p)
		c.total += int64(n)
		p = p[n:]
	}
	c.more.Broadcast()
}

// firstByte returns when the guest wrote first, or 0.
func (c *console) firstByte() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// tail returns what is kept.
func (c *console) tail() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, _ := c.since(0)
	return out
}

// since returns a copy of what was written from offset off on, as far as it is
// still kept, and the offset behind it. The caller holds mu.
func (c *console) since(off int64) ([]byte, int64) {
	off = max(off, c.total-consoleKeep)
	out := make([]byte, 0, c.total-off)
	for off < c.total {
		at := off % consoleKeep
		n := min(c.total-off, consoleKeep-at)
		out = append(out, c.buf[at:at+n]...)
		off += n
	}
	return out, off
}

// reader returns a stream of the console from what is kept on.
func (c *console) reader() io.ReadCloser { return &consoleReader{c: c} }

type consoleReader struct {
	c      *console
	off    int64
	rest   []byte
	closed bool // guarded by c.mu
}

func (r *consoleReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		r.c.mu.Lock()
		for r.off == r.c.total && !r.c.closed && !r.closed {
			r.c.more.Wait()
		}
		if r.closed {
			r.c.mu.Unlock()
			return 0, os.ErrClosed
		}
		r.rest, r.off = r.c.since(r.off)
		r.c.mu.Unlock()
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *consoleReader) Close() error {
	r.c.mu.Lock()
	r.closed = true
	r.c.more.Broadcast()
	r.c.mu.Unlock()
	return nil
}
