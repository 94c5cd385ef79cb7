// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	portTimeout = 10 * time.Second      // for a port to appear
	portPoll    = 20 * time.Millisecond // while the host is not connected
)

// FindPort returns the device of the virtio console port of that name (virtio 1.2
// §5.3.6.2: the host names a port); a path is returned as it is. It waits for the
// port to appear.
func FindPort(name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		return name, nil
	}
	for deadline := time.Now().Add(portTimeout); ; time.Sleep(portPoll) {
		files, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == name {
				return "/dev/" + filepath.Base(filepath.Dir(file)), nil
			}
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("looking for console port %q: not there", name)
		}
	}
}

// PortListener makes connections, one at a time, of a console port: one for each
// time that the host connects.
type PortListener struct {
	path   string
	turn   chan struct{} // holds one while there is no connection
	closed chan struct{}
	once   sync.Once
}

// ListenPort returns a listener on the device at path.
func ListenPort(path string) *PortListener {
	l := &PortListener{path: path, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	l.turn <- struct{}{}
	return l
}

// Accept waits for the end of the connection before, and for the host.
func (l *PortListener) Accept() (net.Conn, error) {
	select {
	case <-l.turn:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("opening console port: %w", err)
	}
	for !hostConnected(f) {
		select {
		case <-time.After(portPoll):
		case <-l.closed:
			f.Close()
			return nil, net.ErrClosed
		}
	}
	return &portConn{File: f, release: sync.OnceFunc(func() { l.turn <- struct{}{} })}, nil
}

// hostConnected asks the driver: a port without a host polls as hung up.
func hostConnected(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	connected := false
	raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
		_, err := unix.Poll(p, 0)
		connected = err == nil && p[0].Revents&unix.POLLHUP == 0
	})
	return connected
}

// Close ends the listener; a connection goes on.
func (l *PortListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the device.
func (l *PortListener) Addr() net.Addr { return portAddr(l.path) }

type portConn struct {
	*os.File
	release func()
}

func (c *portConn) Close() error {
	err := c.File.Close()
	c.release()
	return err
}

func (c *portConn) LocalAddr() net.Addr  { return portAddr(c.Name()) }
func (c *portConn) RemoteAddr() net.Addr { return portAddr("host") }

type portAddr string

func (portAddr) Network() string  { return "virtio-port" }
func (a portAddr) String() string { return string(a) }
