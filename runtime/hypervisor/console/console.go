// SPDX-License-Identifier: MIT OR Apache-2.0

// Package console keeps what a guest writes to its console, for those who follow it
// and for the verdict on how the guest ended: a kernel says on its console, and
// nowhere else, that it panicked or powered off.
//
// Memory is bounded whatever a guest writes.
package console

import (
	"io"
	"os"
	"sync"
	"time"

	"arcbox.dev/runtime/events"
)

const (
	// Keep is how many bytes of output are kept for readers that come later.
	Keep = 64 << 10
	// LogLimit is how many bytes of output go to the log, those of the beginning.
	LogLimit = 4 << 20
)

// Console keeps the last of what a guest wrote, hands it to any number of readers,
// and copies it to a log. A reader that is too slow loses the oldest bytes. Its
// methods may be called from any goroutine.
type Console struct {
	mu     sync.Mutex
	more   sync.Cond
	buf    []byte // ring of Keep bytes
	total  int64  // bytes ever written; buf holds the last min(total, Keep)
	closed bool
	first  time.Duration // CLOCK_MONOTONIC of the first byte, 0 before

	logMu  sync.Mutex
	log    io.Writer // nil without one
	logged int       // bytes that log has got
}

// New returns a console to which nothing was written yet.
func New() *Console {
	c := &Console{buf: make([]byte, Keep)}
	c.more.L = &c.mu
	return c
}

// LogTo copies what is written from now on to log, which stays the caller's. An
// error of the log costs the log, not the guest.
func (c *Console) LogTo(log io.Writer) {
	c.logMu.Lock()
	defer c.logMu.Unlock()
	c.log = log
}

// CopyFrom reads r to its end, and closes the console then. log may be nil.
func (c *Console) CopyFrom(r io.Reader, log *os.File) {
	if log != nil {
		c.LogTo(log)
	}
	p := make([]byte, 4096)
	for {
		n, err := r.Read(p)
		c.Write(p[:n])
		if err != nil {
			break
		}
	}
	c.Close()
}

// Write takes all of p, which stays the caller's. Its error is always nil.
func (c *Console) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.keep(p)
	c.logMu.Lock()
	defer c.logMu.Unlock()
	if m := min(len(p), LogLimit-c.logged); c.log != nil && m > 0 {
		c.log.Write(p[:m])
		c.logged += m
	}
	return len(p), nil
}

func (c *Console) keep(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == 0 {
		c.first = events.Now()
	}
	for len(p) > 0 {
		n := copy(c.buf[c.total%Keep:], p)
		c.total += int64(n)
		p = p[n:]
	}
	c.more.Broadcast()
}

// Close says that nothing more will come: readers find the end behind what is
// kept, and the log is let go. It may be called again.
func (c *Console) Close() error {
	c.mu.Lock()
	c.closed = true
	c.more.Broadcast()
	c.mu.Unlock()
	c.LogTo(nil)
	return nil
}

// FirstByte returns when the guest wrote first, on the clock of events.Now, or 0.
func (c *Console) FirstByte() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}

// Tail returns a copy of what is kept.
func (c *Console) Tail() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, _ := c.since(0)
	return out
}

// since returns a copy of what was written from offset off on, as far as it is
// still kept, and the offset behind it. The caller holds mu.
func (c *Console) since(off int64) ([]byte, int64) {
	off = max(off, c.total-Keep)
	out := make([]byte, 0, c.total-off)
	for off < c.total {
		at := off % Keep
		n := min(c.total-off, Keep-at)
		out = append(out, c.buf[at:at+n]...)
		off += n
	}
	return out, off
}
