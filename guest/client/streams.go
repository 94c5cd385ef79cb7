// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"fmt"
	"io"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

const (
	copySize = 64 << 10 // bytes

	// drainTimeout is how long a process's output may pause once the process has
	// ended: the rest of it is on its way.
	drainTimeout = 10 * time.Second
)

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// output carries what a process writes from its connection to its writer.
type output struct {
	conn     net.Conn      // nil if there is no such stream
	w        io.Writer     // nil to discard
	pause    time.Duration // that reads may take once draining is set
	draining atomic.Bool
	n        uint64 // bytes that arrived
	readErr  error  // nil after end of file
	writeErr error
}

func newOutput(conn net.Conn, w io.Writer) *output {
	return &output{conn: conn, w: w, pause: drainTimeout}
}

// copy runs until the stream's end. A writer that fails ends the stream, which the
// process sees as a broken pipe.
func (o *output) copy() {
	if o.conn == nil {
		return
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	for {
		if o.draining.Load() {
			o.conn.SetReadDeadline(time.Now().Add(o.pause))
		}
		n, err := o.conn.Read(buf[:])
		o.n += uint64(n)
		if n > 0 && o.w != nil {
			if _, o.writeErr = o.w.Write(buf[:n]); o.writeErr != nil {
				o.conn.Close()
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				o.readErr = err
			}
			return
		}
	}
}

// drain bounds every further read.
func (o *output) drain() {
	o.draining.Store(true)
	if o.conn != nil {
		o.conn.SetReadDeadline(time.Now().Add(o.pause))
	}
}

// check compares what arrived with what the agent says it wrote.
func (o *output) check(expected uint64) error {
	switch {
	case o.conn == nil || o.n == expected && o.writeErr == nil:
		return nil
	case o.writeErr != nil:
		return &Error{Kind: ErrOutput, Text: fmt.Sprintf("writing a process's output: %v", o.writeErr), err: o.writeErr}
	}
	text := fmt.Sprintf("a process's output was cut off: %d of %d bytes arrived", o.n, expected)
	return &Error{Kind: ErrOutput, Text: text, err: o.readErr}
}

// feed copies a reader to a process's input and then ends that input. What goes
// wrong here is of no interest: the process may end without reading all. A
// connection that cannot end one direction alone is closed, unless the other one
// is in use.
func feed(conn net.Conn, r io.Reader, bothWays bool) {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	io.CopyBuffer(onlyWriter{conn}, onlyReader{r}, buf[:])
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	} else if !bothWays {
		conn.Close()
	}
}

// onlyReader and onlyWriter hide methods by which io.Copy would bypass its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// writers makes writes to a writer that is both standard output and standard error
// wait for each other.
func writers(stdout, stderr io.Writer) (io.Writer, io.Writer) {
	if stdout == nil || stderr == nil || !same(stdout, stderr) {
		return stdout, stderr
	}
	w := &serialWriter{w: stdout}
	return w, w
}

func same(a, b io.Writer) bool {
	return reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}

type serialWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *serialWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
