// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// watched is what each socket is watched for, at the edge: the poller is told
	// when something happens, not as long as it is so. Hang-up needs no asking.
	watched = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET
	// wakeID is the poller's own event; no connection has it.
	wakeID = 0
	// eventBatch is how many events are taken at once.
	eventBatch = 128
)

// poller waits for the sockets of all connections and moves their data.
type poller struct {
	dev     *Device
	set     *os.File // the epoll set
	setFD   int
	wakeup  *os.File // an eventfd in the set
	stopped atomic.Bool
	done    chan struct{}
}

func startPoller(d *Device) (*poller, error) {
	set, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll set: %w", err)
	}
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(set)
		return nil, fmt.Errorf("making an eventfd: %w", err)
	}
	p := &poller{dev: d, setFD: set, done: make(chan struct{})}
	// An epoll set is readable while events wait in it, so a set that does not block
	// can wait in the runtime's poller like a socket.
	err = unix.SetNonblock(set, true)
	if err == nil {
		err = p.control(unix.EPOLL_CTL_ADD, event, wakeID, unix.EPOLLIN|unix.EPOLLET)
	}
	p.set = os.NewFile(uintptr(set), "vsock epoll set")
	p.wakeup = os.NewFile(uintptr(event), "vsock eventfd")
	var conn interface {
		Read(func(uintptr) bool) error
	}
	if err == nil {
		conn, err = p.set.SyscallConn()
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("setting up an epoll set: %w", err)
	}
	go func() {
		defer close(p.done)
		_ = conn.Read(p.poll)
	}()
	return p, nil
}

// poll takes events until there are none and all data has moved that can. It then
// reports false, which makes the runtime call it again at the next event, or true
// once the poller is stopped.
func (p *poller) poll(fd uintptr) bool {
	var events [eventBatch]unix.EpollEvent
	for !p.stopped.Load() {
		n, err := unix.EpollWait(int(fd), events[:], 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return true // not with a valid set
		}
		for i := range max(n, 0) {
			p.dispatch(&events[i])
		}
		// Without a full batch the set has been emptied, and what happens next wakes
		// the runtime's poller anew.
		if more := p.dev.advance(); !more && n >= 0 && n < eventBatch {
			return p.stopped.Load() // the event may have been for that
		}
	}
	return true
}

func (p *poller) dispatch(ev *unix.EpollEvent) {
	id := uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
	if id == wakeID {
		// At the edge each write counts: nothing needs to be read.
		return
	}
	if c := p.dev.byEvent(id); c != nil {
		c.events(ev.Events)
	}
}

// wake makes poll look at the line, and at stopped.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = p.wakeup.Write(one[:]) // fails when the poller is closed
}

// add watches a socket.
func (p *poller) add(fd int, id uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, id, watched)
}

// modify watches a socket for room too, or no more.
func (p *poller) modify(fd int, id uint64, room bool) {
	events := uint32(watched)
	if room {
		events |= unix.EPOLLOUT
	}
	// The socket is in the set, so this fails only without memory for it, which an
	// entry that is there already does not need.
	_ = p.control(unix.EPOLL_CTL_MOD, fd, id, events)
}

func (p *poller) control(op, fd int, id uint64, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	return unix.EpollCtl(p.setFD, op, fd, &ev)
}

// stop ends the poller. Nobody adds or modifies any more.
func (p *poller) stop() {
	p.stopped.Store(true)
	p.wake()
	<-p.done
	p.close()
}

func (p *poller) close() {
	_ = p.set.Close()
	_ = p.wakeup.Close()
}
