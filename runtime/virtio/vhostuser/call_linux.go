// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio/eventfd"
)

// one is what is written to a socket to signal: 8 bytes whose value does not matter.
var one = [8]byte{1}

// call signals the front end: a ring's interrupt, or that it broke. The front end
// may replace its descriptor at any time, or give none and poll. Descriptors are
// eventfds, or stream sockets, since User-Mode Linux can take an interrupt from a
// socket only (vhost-user, VHOST_USER_SET_VRING_CALL).
type call struct {
	mu     sync.Mutex // guards what follows against a Signal on its way
	fd     int        // -1 if there is none
	socket bool
}

// Signal is part of virtio.Call. A full socket or counter is no error: the front
// end has signals left to read.
func (c *call) Signal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	var err error
	if c.socket {
		err = unix.Send(c.fd, one[:], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	} else {
		err = eventfd.Signal(c.fd)
	}
	if err != nil && err != unix.EAGAIN {
		return fmt.Errorf("signalling the front end: %w", err)
	}
	return nil
}

// set replaces the descriptor by fd, which the call closes one day, or by none if
// fd is -1. It is for the session's goroutine, like unblock.
func (c *call) set(fd int, socket bool) {
	for try := 0; !c.mu.TryLock(); try++ {
		// A Signal is at it, which takes a microsecond, or is made to block.
		time.Sleep(time.Duration(min(try, 1000)) * time.Microsecond)
		c.unblock()
	}
	old := c.fd
	c.fd, c.socket = fd, socket
	c.mu.Unlock()
	if old >= 0 {
		_ = unix.Close(old)
	}
}

// take makes the one descriptor of fds the call's.
func (c *call) take(fds files, socket bool) error {
	// For sockets a flag of each write does the same.
	if !socket {
		if err := unix.SetNonblock(fds[0], true); err != nil {
			return fmt.Errorf("making a signal's descriptor non-blocking: %w", err)
		}
	}
	c.set(fds.take(0), socket)
	return nil
}

// unblock frees a Signal that the front end has made to block, by filling the
// eventfd's counter up and taking its O_NONBLOCK away: both are shared with it.
// The descriptor is read without the lock, which that Signal holds: only the
// caller's goroutine changes it.
func (c *call) unblock() {
	if c.fd < 0 || c.socket {
		return
	}
	poll := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(poll, 0); err != nil || n > 0 {
		return // there is room in the counter
	}
	var counter [8]byte
	_, _ = unix.Preadv2(c.fd, [][]byte{counter[:]}, -1, unix.RWF_NOWAIT)
}

// classify tells what kind of signal a front end's descriptor is.
func classify(fd int) (socket bool, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, fmt.Errorf("looking at a signal's descriptor: %w", err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		return true, nil
	case 0: // an anonymous inode, of which eventfds are one kind
		return false, nil
	default:
		return false, errors.New("descriptor is neither an eventfd nor a socket")
	}
}

// signalShared signals an eventfd that the other side has too, and returns even if
// that makes the signal block. A counter that is full needs no signal.
func signalShared(fd int) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(poll, 0); err != nil || n == 0 {
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = eventfd.Signal(fd) }()
	for c := (&call{fd: fd}); ; c.unblock() {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
