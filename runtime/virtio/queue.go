// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// Batch is the number of chains that Run hands to a device at most at once.
const Batch = 64

// Queue is a virtqueue with its two signals. The embedded device side is for one
// goroutine at a time; Stop and Fail may be called from any.
//
// A device that answers chains in place calls Run. One that keeps buffers until it
// has something to put in them pops a chain when it has, under a lock of its own,
// and calls Flush after Push; it learns of new buffers through Watch. Where Pop
// gives nothing it calls EnableKicks, and pops again if that reports more.
type Queue struct {
	*virtq.Queue
	Kick Kick // driver to device: there are new buffers
	Call Call // device to driver: there are used buffers

	// Broken is told, at most once, why the queue is no longer served. The
	// transport sets it before it starts the queue; it may be nil.
	Broken func(error)

	stopped atomic.Bool
	failed  sync.Once
}

// Kick is how a driver wakes a device.
type Kick interface {
	// Wait blocks until the driver has kicked since the last Wait returned, and
	// returns io.EOF once Close was called.
	Wait() error
	// Close ends Wait, now and in future. It may be called from any goroutine.
	Close() error
}

// Call is how a device interrupts its driver.
type Call interface {
	// Signal raises the queue's interrupt. It never blocks.
	Signal() error
}

// Run serves the queue until Stop: it waits for kicks, pops chains in batches and
// passes each batch to handle, which gives every chain back with Push before it
// returns. Run publishes what was pushed after each batch; a handle that takes
// long may Flush on its way. The chains' storage is used again for the next batch.
//
// Run returns nil after Stop. If the driver broke the queue's rules, or took away
// the memory behind it, Run reports that to Broken and returns it; the device
// leaves the queue alone from then on. handle may be unwound by a fault on guest
// memory, so locks that it holds meanwhile are to be released by defer.
func (q *Queue) Run(handle func(chains []virtq.Chain)) error {
	chains := make([]virtq.Chain, min(Batch, int(q.Size())))
	drain := func() error { return q.drain(chains, handle) }
	return q.loop(drain)
}

// Watch calls wake after each kick until Stop, and once before the first: buffers
// may have been there all along. It returns as Run does. wake runs guarded as
// Run's handle does, and the same goroutine rules hold for what it does to q.
func (q *Queue) Watch(wake func()) error {
	return q.loop(func() error { wake(); return nil })
}

// Flush publishes the used buffers that Push has staged, and interrupts the driver
// if it wants that. It never blocks.
func (q *Queue) Flush() {
	if q.Publish() {
		// A driver that closed its end, or has not read what was signalled before,
		// is not to be woken: neither is an error of the queue.
		_ = q.Call.Signal()
	}
}

// Stop makes Run and Watch return after the batch that they are at. Devices call
// it in StopQueue and then wait for their goroutines.
func (q *Queue) Stop() {
	q.stopped.Store(true)
	_ = q.Kick.Close()
}

// Stopped tells whether Stop was called.
func (q *Queue) Stopped() bool { return q.stopped.Load() }

// Fail reports that the queue cannot be served any more. Only the first report
// counts.
func (q *Queue) Fail(err error) {
	q.failed.Do(func() {
		if q.Broken != nil {
			q.Broken(err)
		}
	})
}

// loop runs step under a memory guard, first at once and then after each kick.
func (q *Queue) loop(step func() error) error {
	var err error
	guarded := func() { err = step() }
	for {
		if fault := guestmem.Guard(guarded); fault != nil {
			err = fault
		}
		if err == nil && !q.Stopped() {
			err = q.Kick.Wait()
		}
		switch {
		case q.Stopped() || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			err = fmt.Errorf("serving a virtqueue: %w", err)
			q.Fail(err)
			return err
		}
	}
}

// drain pops and handles until the driver has nothing more, with kicks off
// meanwhile. It looks for Stop after each batch: a driver that never ceases to
// add buffers must not hold up StopQueue.
func (q *Queue) drain(chains []virtq.Chain, handle func([]virtq.Chain)) error {
	q.DisableKicks()
	for !q.Stopped() {
		n, err := q.Pop(chains)
		if err != nil {
			return err
		}
		if n > 0 {
			handle(chains[:n])
			q.Flush()
			continue
		}
		if !q.EnableKicks() {
			return nil
		}
		q.DisableKicks()
	}
	return nil
}
