// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"os"
)

// Reader returns a stream of the console from what is kept on, until the console or
// the stream is closed.
func (c *Console) Reader() io.ReadCloser { return &reader{c: c} }

type reader struct {
	c      *Console
	off    int64
	rest   []byte
	closed bool // guarded by c.mu
}

func (r *reader) Read(p []byte) (int, error) {
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

func (r *reader) Close() error {
	r.c.mu.Lock()
	r.closed = true
	r.c.more.Broadcast()
	r.c.mu.Unlock()
	return nil
}
