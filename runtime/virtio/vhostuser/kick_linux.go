// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// kick waits for an eventfd. It uses an epoll set of its own, edge-triggered, and
// never reads the eventfd: each write to it is a new edge, which the set keeps
// until the next wait. That is one system call a kick, on a thread that the kernel
// wakes directly; the way through the runtime's poller costs a second thread's
// wake-up each time. Whatever the front end does with its copy of the descriptor,
// flags or counter, nothing here blocks but the wait itself.
type kick struct {
	epoll  int
	stop   int // an eventfd that ends the wait
	closed atomic.Bool
	events [2]unix.EpollEvent
}

// newKick starts to listen to the eventfd fd, which stays the caller's. If it was
// written to before, the first Wait returns at once.
func newKick(fd int) (_ *kick, err error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("waiting for kicks: epoll_create1: %w", err)
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("waiting for kicks: eventfd: %w", err)
	}
	k := &kick{epoll: epoll, stop: stop}
	if err = k.add(fd, unix.EPOLLIN|unix.EPOLLET); err == nil {
		err = k.add(stop, unix.EPOLLIN)
	}
	if err != nil {
		k.release()
		return nil, fmt.Errorf("waiting for kicks: epoll_ctl: %w", err)
	}
	return k, nil
}

func (k *kick) add(fd int, events uint32) error {
	return unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// Wait is part of virtio.Kick.
func (k *kick) Wait() error {
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
func (k *kick) Close() error {
	if k.closed.Swap(true) {
		return nil
	}
	return signalEventfd(k.stop)
}

// release frees the descriptors. Nobody may wait any more; Close does nothing
// afterwards.
func (k *kick) release() {
	k.closed.Store(true)
	_ = unix.Close(k.epoll)
	_ = unix.Close(k.stop)
}
