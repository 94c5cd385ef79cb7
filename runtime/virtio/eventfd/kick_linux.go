// SPDX-License-Identifier: MIT OR Apache-2.0

package eventfd

import (
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Kick waits for an eventfd, as part of virtio.Kick. It uses an epoll set of its own,
// edge-triggered, and never reads the eventfd: each write to it is a new edge, which
// the set keeps until the next wait. That is one system call a kick, on a thread that
// the kernel wakes directly; the way through the runtime's poller costs a second
// thread's wake-up each time. Whatever the front end does with its copy of the
// descriptor, flags or counter, nothing here blocks but the wait itself.
type Kick struct {
	epoll  int
	stop   int // an eventfd that ends the wait
	closed atomic.Bool
	events [2]unix.EpollEvent
}

// NewKick starts to listen to the eventfd fd, which stays the caller's. If it was
// written to before, the first Wait returns at once.
func NewKick(fd int) (_ *Kick, err error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("waiting for kicks: epoll_create1: %w", err)
	}
	stop, err := New()
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("waiting for kicks: %w", err)
	}
	k := &Kick{epoll: epoll, stop: stop}
	if err = k.add(fd, unix.EPOLLIN|unix.EPOLLET); err == nil {
		err = k.add(stop, unix.EPOLLIN)
	}
	if err != nil {
		k.Release()
		return nil, fmt.Errorf("waiting for kicks: epoll_ctl: %w", err)
	}
	return k, nil
}

func (k *Kick) add(fd int, events uint32) error {
	return unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// Wait is part of virtio.Kick.
func (k *Kick) Wait() error {
	for !k.closed.Load() {
		_, err := unix.EpollWait(k.epoll, k.events[:], -1)
		switch {
		case k.closed.Load():
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("waiting for kicks: epoll_wait: %w", err)
		default:
			return nil
		}
	}
	return io.EOF
}

// Close is part of virtio.Kick.
func (k *Kick) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	return Signal(k.stop)
}

// Release frees the descriptors. Nobody may wait any more; Close does nothing
// afterwards.
func (k *Kick) Release() {
	k.closed.Store(true)
	_ = unix.Close(k.epoll)
	_ = unix.Close(k.stop)
}
