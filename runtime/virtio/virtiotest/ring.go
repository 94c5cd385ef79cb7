// SPDX-License-Identifier: MIT OR Apache-2.0

// Package virtiotest connects a device to a driver in the same process, so that
// devices are tested and measured without a transport.
package virtiotest

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
)

// Ring is one queue with both of its sides. The driver's is for one goroutine.
type Ring struct {
	*virtqtest.Driver
	Queue  *virtio.Queue // for the device's StartQueue
	Broken chan error    // gets what Queue.Broken is told

	memory  *guestmem.Memory
	options virtq.Options
	kick    atomic.Pointer[kick]
	call    call
	used    [64]virtqtest.Done
	timer   *time.Timer
}

// NewRing allocates a queue of so many descriptors from guest memory.
func NewRing(a *virtqtest.Arena, size uint16, o virtq.Options) (*Ring, error) {
	r := &Ring{
		Broken: make(chan error, 1),
		call:   make(call, 1),
		timer:  time.NewTimer(0),
		memory: a.Memory(), options: o,
	}
	d, err := virtqtest.NewDriver(a, size, virtqtest.Options{Options: o, Kick: func() { r.kick.Load().kick() }})
	if err != nil {
		return nil, fmt.Errorf("making a ring: %w", err)
	}
	r.Driver = d
	return r, r.Restart()
}

// Restart makes a new Queue over the same ring, for a device that gave the old one
// back. The driver goes on as if nothing had happened, and the new Queue where the
// old one was.
func (r *Ring) Restart() error {
	var avail, used uint16
	if r.Queue != nil {
		avail, used = r.Queue.Position()
	}
	q, err := virtq.New(r.memory, r.Layout(), r.options)
	if err != nil {
		return fmt.Errorf("making a ring: %w", err)
	}
	if r.Queue != nil {
		q.SetPosition(avail, used)
	}
	k := &kick{kicked: make(chan struct{}, 1), closed: make(chan struct{})}
	r.kick.Store(k)
	r.Queue = &virtio.Queue{Queue: q, Kick: k, Call: r.call, Broken: func(err error) { r.Broken <- err }}
	return nil
}

// Wait returns chains that the device has used, for which it waits if there are
// none. It returns none when the time is up. The result is good until the next call.
func (r *Ring) Wait(limit time.Duration) ([]virtqtest.Done, error) {
	armed := false
	for {
		n, err := r.Reap(r.used[:])
		if n > 0 || err != nil {
			return r.used[:n], err
		}
		if r.EnableInterrupts() {
			continue
		}
		if !armed {
			r.timer.Reset(limit)
			defer r.timer.Stop()
			armed = true
		}
		select {
		case <-r.call:
		case <-r.timer.C:
			return nil, nil
		}
	}
}

// Sleep waits for an interrupt, for limit at most.
func (r *Ring) Sleep(limit time.Duration) {
	r.timer.Reset(limit)
	defer r.timer.Stop()
	select {
	case <-r.call:
	case <-r.timer.C:
	}
}

// kick is a virtio.Kick within a process.
type kick struct {
	kicked chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (k *kick) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

func (k *kick) Wait() error {
	select {
	case <-k.kicked:
		return nil
	case <-k.closed:
		return io.EOF
	}
}

func (k *kick) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}

// call is a virtio.Call within a process.
type call chan struct{}

func (c call) Signal() error {
	select {
	case c <- struct{}{}:
	default:
	}
	return nil
}
