// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// conn sends and receives messages with descriptors. Each direction is for one
// goroutine at a time.
type conn struct {
	*net.UnixConn
	in  [headerSize + maxPayload]byte
	oob []byte
	out []byte
}

func newConn(c *net.UnixConn) *conn {
	// The kernel closes descriptors for which there is no room here, and says so.
	return &conn{UnixConn: c, oob: make([]byte, unix.CmsgSpace(maxRegions*4))}
}

// message is what was received: header, payload bytes, and descriptors that
// whoever has the message closes, taken ones excepted.
type message struct {
	header
	body  []byte // valid until the next receive
	files files
}

// files are descriptors that came with a message.
type files []int

// take returns descriptor i, which is the caller's now.
func (f files) take(i int) int {
	fd := f[i]
	f[i] = -1
	return fd
}

// close closes what was not taken.
func (f files) close() {
	for i, fd := range f {
		if fd >= 0 {
			_ = unix.Close(fd)
			f[i] = -1
		}
	}
}

// errDescriptors: the sender packed more descriptors than any message has.
var errDescriptors = errors.New("too many descriptors")

// receive reads one message. The error is io.EOF where the other side closed the
// connection between two messages. With an error no descriptors are left.
func (c *conn) receive() (m message, err error) {
	defer func() {
		if err != nil {
			m.files.close()
			m = message{}
		}
	}()
	head := c.in[:headerSize]
	if err := c.readFull(head, &m.files); err != nil {
		return m, err
	}
	if m.header, err = parseHeader(head); err != nil {
		return m, err
	}
	m.body = c.in[headerSize:][:m.size]
	if err := c.readFull(m.body, &m.files); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return m, fmt.Errorf("reading %v: %w", m.request, err)
	}
	return m, nil
}

// readFull fills b, and adds the descriptors that come with its bytes to f. Both
// front ends known to send descriptors with a message's first byte; any of its
// bytes is taken to be as good.
func (c *conn) readFull(b []byte, f *files) error {
	for done := 0; done < len(b); {
		n, oobn, flags, _, err := c.ReadMsgUnix(b[done:], c.oob)
		if oobErr := f.add(c.oob[:oobn]); err == nil {
			err = oobErr
		}
		if err == nil && flags&unix.MSG_CTRUNC != 0 {
			err = errDescriptors
		}
		switch {
		case err == nil && n > 0:
			done += n
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case done > 0:
			return io.ErrUnexpectedEOF
		default:
			return io.EOF
		}
	}
	return nil
}

// add appends the descriptors in control messages.
func (f *files) add(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	control, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return fmt.Errorf("parsing control messages: %w", err)
	}
	for i := range control {
		if fds, err := unix.ParseUnixRights(&control[i]); err == nil {
			*f = append(*f, fds...)
		}
	}
	if len(*f) > maxRegions {
		return errDescriptors
	}
	return nil
}

// send writes one message with descriptors, which stay the caller's.
func (c *conn) send(req request, flags uint32, p payload, fds ...int) error {
	c.out = appendMessage(c.out[:0], req, flags, p)
	return c.write(c.out, fds)
}

// write sends bytes, the first of them with descriptors.
func (c *conn) write(b []byte, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	n, _, err := c.WriteMsgUnix(b, rights, nil)
	if err == nil && n < len(b) {
		_, err = c.Write(b[n:])
	}
	return err
}
