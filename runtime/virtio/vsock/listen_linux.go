// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// listenBacklog is how many connections wait for Accept at most; beyond it the
// guest is refused.
const listenBacklog = 512

// Addr is a vsock address.
type Addr struct {
	CID  uint64
	Port uint32
}

// Network returns "vsock".
func (Addr) Network() string { return "vsock" }

// String returns "cid:port".
func (a Addr) String() string { return fmt.Sprintf("%d:%d", a.CID, a.Port) }

// Listener accepts connections of the guest to one port of the host.
type Listener struct {
	dev    *Device
	port   uint32
	queue  chan incoming
	closed chan struct{}
}

// incoming is a connection that waits for Accept.
type incoming struct {
	conn *conn
	fd   int // the host's end
}

// Listen accepts what the guest connects to a port of the host. The error matches
// errdefs.ErrExists if the port is taken, errdefs.ErrInvalid for the port 2^32-1,
// which stands for any, and net.ErrClosed after the device's Close.
func (d *Device) Listen(port uint32) (net.Listener, error) {
	if port == ^uint32(0) {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "listening on vsock port %d: not a port", port)
	}
	l := &Listener{dev: d, port: port, queue: make(chan incoming, listenBacklog), closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, fmt.Errorf("listening on vsock port %d: the device: %w", port, net.ErrClosed)
	}
	if d.listeners[port] != nil {
		return nil, errdefs.New(errdefs.ErrExists, "", "listening on vsock port %d: the port is taken", port)
	}
	d.listeners[port] = l
	return l, nil
}

// listening reports whether someone listens on a port.
func (d *Device) listening(port uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listeners[port] != nil
}

// offer hands c to who listens on a port. It reports false if nobody does, or the
// backlog is full.
func (d *Device) offer(port uint32, c *conn, hostEnd int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.listeners[port]
	if l == nil {
		return false
	}
	select {
	case l.queue <- incoming{c, hostEnd}:
		return true
	default:
		return false
	}
}

// Accept waits for a connection. It is a *net.UnixConn; what Dial says of those
// holds for it too. After Close the error matches net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, l.errClosed()
	default:
	}
	select {
	case in := <-l.queue:
		c, err := unixConn(in.fd)
		if err != nil {
			return nil, fmt.Errorf("accepting on vsock port %d: %w", l.port, err)
		}
		return c, nil
	case <-l.closed:
		return nil, l.errClosed()
	}
}

func (l *Listener) errClosed() error {
	return fmt.Errorf("accepting on vsock port %d: %w", l.port, net.ErrClosed)
}

// Close frees the port: the guest is refused from now on, and connections that
// still wait for Accept are reset.
func (l *Listener) Close() error {
	d := l.dev
	d.mu.Lock()
	mine := d.listeners[l.port] == l
	if mine {
		delete(d.listeners, l.port) // offer adds nothing any more
		close(l.closed)
	}
	d.mu.Unlock()
	if !mine {
		return nil
	}
	for {
		select {
		case in := <-l.queue:
			in.conn.abort(unix.ECONNRESET) // first, or it would be shut down instead
			_ = unix.Close(in.fd)
		default:
			return nil
		}
	}
}

// Addr is the host's address with the port, an Addr.
func (l *Listener) Addr() net.Addr { return Addr{CID: HostCID, Port: l.port} }
