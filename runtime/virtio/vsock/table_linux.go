// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"fmt"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// firstPort is where the host's own ports begin that dials take. Ports below are for
// those who listen.
const firstPort = 1 << 30

// newConn makes a connection in the given state and returns it with the host's end
// of its socket. For a dial, p.host is chosen. The error matches
// errdefs.ErrExhausted if there are too many connections.
func (d *Device) newConn(p ports, s state) (*conn, int, error) {
	c := &conn{dev: d, ports: p, state: s}
	if s == dialing {
		c.dialed = make(chan error, 1)
	}
	// Locked, so that nobody meets c before it has its socket.
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := d.add(c); err != nil {
		return nil, -1, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.state = ended
		c.fd = -1
		d.remove(c, false)
		return nil, -1, errdefs.New(errdefs.ErrExhausted, "", "making a socket pair: %w", err)
	}
	c.fd = pair[0]
	roomy(c.fd, c.window.size)
	return c, pair[1], nil
}

// roomy gives a socket a buffer into which a window fits, even when it is a quarter
// full, and reports whether the host's limit (net.core.wmem_max) allowed that. What
// the buffer holds is in the guest's hands, so it is no larger than need be.
func roomy(fd int, window uint32) bool {
	// Linux doubles what it is asked for, to account for its own overhead, and reports
	// the double.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, int(window)) != nil {
		return false
	}
	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF)
	return err == nil && got/4*3 >= int(window)
}

// add puts c in the table and grants it a window.
func (d *Device) add(c *conn) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("the vsock device is closed: %w", unix.ECONNABORTED)
	}
	if len(d.byID) >= d.max {
		return errdefs.New(errdefs.ErrExhausted, "close some, or raise the limit on open files",
			"all %d vsock connections are in use", d.max)
	}
	if c.state == dialing {
		for c.ports.host = d.lastPort; ; {
			if c.ports.host++; c.ports.host < firstPort || c.ports.host == ^uint32(0) {
				c.ports.host = firstPort // VMADDR_PORT_ANY is no port
			}
			if d.conns[c.ports] == nil && d.listeners[c.ports.host] == nil {
				break // there are many more ports than connections
			}
		}
		d.lastPort = c.ports.host
	}
	if d.conns[c.ports] != nil {
		return fmt.Errorf("vsock ports %v are in use: %w", c.ports, unix.EADDRINUSE)
	}
	c.window.size = startWindow
	if d.granted+startWindow > d.budget {
		c.window.size = smallWindow
	}
	d.granted += int64(c.window.size)
	d.lastID++
	c.id = d.lastID
	d.conns[c.ports] = c
	d.byID[c.id] = c
	return nil
}

// remove takes c out of the table, and leaves a reset for the guest if tell is set.
func (d *Device) remove(c *conn, tell bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.granted -= int64(c.window.size)
	delete(d.byID, c.id)
	if d.conns[c.ports] == c {
		delete(d.conns, c.ports)
	}
	if tell {
		d.line.addReset(reset{c.ports, typeStream})
	}
}

// unlist takes c's ports out of the table: the guest may use them anew.
func (d *Device) unlist(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c.ports)
}

// grant lets a window grow by its size. Half of the budget is kept for new
// connections.
func (d *Device) grant(size uint32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if 2*size > largeWindow || d.granted+int64(size) > d.budget/2 {
		return false
	}
	d.granted += int64(size)
	return true
}

// giveBack takes back a grant.
func (d *Device) giveBack(size uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.granted -= int64(size)
}

// find returns the connection that the guest calls by these ports.
func (d *Device) find(p ports) *conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conns[p]
}

// byEvent returns the connection that an event is for.
func (d *Device) byEvent(id uint64) *conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byID[id]
}
