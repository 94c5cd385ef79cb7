// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package stdio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// copySize is the size in bytes of a copy's buffer, and the most that a pipe holds.
const copySize = 256 << 10

var buffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// output moves what a process writes to the host.
type output struct {
	conn net.Conn // nil to discard
	src  *os.File
	n    uint64 // bytes written to conn
}

func newOutput(conn net.Conn, src *os.File) *output {
	return &output{conn: conn, src: src}
}

// copy runs until nobody can write any more, or until it is cut off. When the host
// has closed its side, so does copy, and the process finds a broken pipe.
func (o *output) copy() {
	buf := buffers.Get().(*[copySize]byte)
	defer buffers.Put(buf)
	defer o.close()
	for {
		n, err := o.src.Read(buf[:])
		if n > 0 && !o.write(buf[:n]) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			o.rest(buf[:])
			return
		}
		if err != nil { // end of file; EIO from a terminal that nobody has open
			return
		}
	}
}

// cutOff ends the copy after what is there to be read.
func (o *output) cutOff() { o.src.SetReadDeadline(time.Unix(1, 0)) }

// rest reads what the process had written when it ended. That is no more than a
// pipe holds; others may go on writing for ever.
func (o *output) rest(buf []byte) {
	raw, err := o.src.SyscallConn()
	if err != nil {
		return
	}
	for left := copySize; left > 0; {
		var n int
		raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), buf[:left]) })
		if n <= 0 || !o.write(buf[:n]) {
			return
		}
		left -= n
	}
}

func (o *output) write(p []byte) bool {
	if o.conn == nil {
		return true
	}
	n, err := o.conn.Write(p)
	o.n += uint64(n)
	return err == nil
}

func (o *output) close() {
	o.src.Close()
	if o.conn != nil {
		o.conn.Close()
	}
}

// feedPipe moves what the host sends to the process, and the end of it.
func feedPipe(dst *os.File, conn net.Conn) {
	feed(dst, conn)
	dst.Close()
	conn.Close()
}

// feedTerminal does so for a terminal, which has no end of file: the character that
// stands for it tells whoever reads a line.
func feedTerminal(master *os.File, conn net.Conn) {
	if feed(master, conn) {
		typeEOF(master)
	}
}

// feed reports whether it saw the end of what the host sends.
func feed(dst *os.File, conn net.Conn) bool {
	buf := buffers.Get().(*[copySize]byte)
	defer buffers.Put(buf)
	for {
		n, err := conn.Read(buf[:])
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return false
			}
		}
		if err != nil {
			return err == io.EOF
		}
	}
}
