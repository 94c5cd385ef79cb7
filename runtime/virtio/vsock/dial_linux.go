// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"context"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Dial connects to a port of the guest. While the guest has no driver for the
// device yet, Dial waits. It ends with ctx's error when ctx ends; the error matches
// syscall.ECONNREFUSED if nothing listens on the port, syscall.ECONNRESET if the
// guest went away or broke the protocol, syscall.ECONNABORTED if the device is or
// was closed, and errdefs.ErrExhausted if there are too many connections.
//
// The connection is a Unix stream socket whose other end the device holds. Its
// descriptor may be passed to another process; the connection ends when the last
// copy is closed.
func (d *Device) Dial(ctx context.Context, port uint32) (*net.UnixConn, error) {
	c, hostEnd, err := d.newConn(ports{guest: port}, dialing)
	if err != nil {
		return nil, fmt.Errorf("dialing vsock port %d: %w", port, err)
	}
	c.mu.Lock()
	if c.state == dialing {
		c.say(sayRequest)
	}
	c.mu.Unlock()
	d.pump()
	select {
	case err = <-c.dialed:
	case <-ctx.Done():
		err = ctx.Err()
		c.abort(err)
	}
	if err != nil {
		_ = unix.Close(hostEnd)
		return nil, fmt.Errorf("dialing vsock port %d: %w", port, err)
	}
	d.count.dialed.Add(1)
	host, err := unixConn(hostEnd)
	if err != nil {
		return nil, fmt.Errorf("dialing vsock port %d: %w", port, err)
	}
	return host, nil
}

// unixConn makes a connection of the host's end of a socket pair, and closes fd.
func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "vsock connection")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("making a connection of a socket: %w", err)
	}
	return c.(*net.UnixConn), nil // what FileConn makes of an AF_UNIX socket
}
