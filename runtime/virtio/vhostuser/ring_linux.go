// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
)

// ring is what a front end has set for one of the device's queues. All of it is
// for the session's goroutine; only call and failed are used by the device too.
type ring struct {
	index   int
	maxSize uint16 // what the device can take

	size    uint16 // 0 until set
	addr    VringAddr
	addrSet bool
	base    uint16 // available index at which the ring starts
	kick    int    // eventfd, -1 while the ring is stopped
	enabled bool

	call   call // interrupts
	failed call // tells of a broken queue

	queue *virtio.Queue // not nil while the device has it
	wait  *eventfd.Kick // the queue's Kick
}

func newRing(index int, maxSize uint16) *ring {
	return &ring{index: index, maxSize: maxSize, kick: -1, call: call{fd: -1}, failed: call{fd: -1}}
}

// errRunning: what is frozen while the device has the queue was to be changed.
var errRunning = errors.New("the ring is running")

// running tells whether the device has the queue.
func (r *ring) running() bool { return r.queue != nil }

// setSize sets the number of descriptors (virtio 1.2 §2.7: a power of two).
func (r *ring) setSize(n uint32) error {
	if n == 0 || n&(n-1) != 0 {
		return fmt.Errorf("queue size %d is not a power of two", n)
	}
	if n > uint32(r.maxSize) {
		return fmt.Errorf("queue size %d, the device takes at most %d", n, r.maxSize)
	}
	if r.running() && uint16(n) != r.size {
		return errRunning
	}
	r.size = uint16(n)
	return nil
}

// setAddr sets where the ring's parts are. It is checked at the start, since the
// memory table may come later.
func (r *ring) setAddr(a VringAddr) error {
	if r.running() && a != r.addr {
		return errRunning
	}
	r.addr, r.addrSet = a, true
	return nil
}

// setBase sets the available index at which the ring starts.
func (r *ring) setBase(n uint32) error {
	if n > 0xffff {
		return fmt.Errorf("base %#x is more than 16 bits", n)
	}
	if r.running() {
		return errRunning
	}
	r.base = uint16(n)
	return nil
}

// setKick replaces the kick descriptor by fd, which the ring closes one day, or
// by none. The ring must not be running.
func (r *ring) setKick(fd int) {
	if r.kick >= 0 {
		_ = unix.Close(r.kick)
	}
	r.kick = fd
}

// open makes the device's queue of what was set.
func (r *ring) open(mem *memory, features uint64) (*virtq.Queue, error) {
	switch {
	case features&virtio.FeatureVersion1 == 0:
		// virtio 1.2 §6.1: a device may fail to operate further without it.
		return nil, errors.New("the driver has not accepted VIRTIO_F_VERSION_1")
	case mem == nil:
		return nil, errors.New("there is no memory table")
	case r.size == 0:
		return nil, errors.New("the queue has no size")
	case !r.addrSet:
		return nil, errors.New("the queue has no addresses")
	}
	layout := virtq.Layout{Size: r.size}
	for _, part := range [...]struct {
		user  uint64
		guest *uint64
	}{{r.addr.Desc, &layout.Desc}, {r.addr.Avail, &layout.Avail}, {r.addr.Used, &layout.Used}} {
		var err error
		if *part.guest, err = mem.guestAddr(part.user); err != nil {
			return nil, err
		}
	}
	q, err := virtq.New(mem.guest, layout, virtq.Options{
		EventIdx: features&virtio.FeatureEventIdx != 0,
		Indirect: features&virtio.FeatureIndirectDesc != 0,
	})
	if err != nil {
		return nil, err
	}
	// The protocol hands over the available index alone. What an earlier instance
	// has used is in memory.
	var used uint16
	if err := guestmem.Guard(func() { used = q.UsedIndex() }); err != nil {
		return nil, err
	}
	if n := r.base - used; n > r.size {
		return nil, fmt.Errorf("base %d with used index %d: %d chains in flight, the queue size is %d", r.base, used, n, r.size)
	}
	q.SetPosition(r.base, used)
	return q, nil
}

// start gives the ring to the device, if it is to run and does not yet. broken is
// told when the device has to give up.
func (r *ring) start(dev virtio.Device, mem *memory, features uint64, broken func(error)) error {
	if r.running() || r.kick < 0 || !r.enabled {
		return nil
	}
	vq, err := r.open(mem, features)
	if err != nil {
		return fmt.Errorf("starting queue %d: %w", r.index, err)
	}
	wait, err := eventfd.NewKick(r.kick)
	if err != nil {
		return fmt.Errorf("starting queue %d: %w", r.index, err)
	}
	_, used := vq.Position()
	q := &virtio.Queue{Queue: vq, Kick: wait, Call: &r.call, Broken: broken}
	if err := dev.StartQueue(r.index, q, features); err != nil {
		wait.Release()
		return fmt.Errorf("starting queue %d: %w", r.index, err)
	}
	r.queue, r.wait = q, wait
	if used != 0 {
		// Whoever served the ring before may have gone between publishing and
		// signalling. An interrupt too many is harmless.
		_ = r.call.Signal()
	}
	return nil
}

// stopPatience is how long a device may take to stop before the transport looks
// whether the front end holds it up.
const stopPatience = 50 * time.Millisecond

// stop takes the ring back from the device and keeps its position.
func (r *ring) stop(dev virtio.Device) {
	if !r.running() {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		dev.StopQueue(r.index)
	}()
	for stopped := false; !stopped; {
		select {
		case <-done:
			stopped = true
		case <-time.After(stopPatience):
			r.call.unblock()
			r.failed.unblock()
		}
	}
	r.base, _ = r.queue.Position()
	r.wait.Release()
	r.queue, r.wait = nil, nil
}

// reset returns the ring to its first state but for the descriptors of its
// signals, which belong to the connection. It must be stopped.
func (r *ring) reset() {
	r.setKick(-1)
	r.size, r.addr, r.addrSet, r.base, r.enabled = 0, VringAddr{}, false, 0, false
}

// close frees what the ring holds. It must be stopped.
func (r *ring) close() {
	r.reset()
	r.call.set(-1, false)
	r.failed.set(-1, false)
}
