// SPDX-License-Identifier: MIT OR Apache-2.0

package rng

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// queueSize is the size of the one queue. Linux has one buffer in it at a time.
const queueSize = 8

// maxRequest is how many bytes one request gets at most: a device may fill less of a
// buffer than there is (virtio 1.2 §5.4.6.2). Linux asks for 64.
const maxRequest = 4096

// Device is a virtio entropy device.
type Device struct {
	q      *virtio.Queue
	stop   chan struct{} // closed to end a wait for the budget
	done   chan struct{}
	budget budget
	buf    [maxRequest]byte

	requests, bytes, waits atomic.Uint64
}

// New makes an entropy device.
func New() *Device { return &Device{budget: newBudget(time.Now())} }

// ID is the device's type.
func (d *Device) ID() virtio.DeviceID { return virtio.IDEntropy }

// Features are none: the device has none of its own.
func (d *Device) Features() uint64 { return 0 }

// QueueSizes holds the size of the one queue.
func (d *Device) QueueSizes() []uint16 { return []uint16{queueSize} }

// ReadConfig reads zeros: the device has no configuration space.
func (d *Device) ReadConfig(_ uint32, p []byte) { clear(p) }

// WriteConfig ignores what is written.
func (d *Device) WriteConfig(uint32, []byte) {}

// StartQueue serves queue i.
func (d *Device) StartQueue(i int, q *virtio.Queue, _ uint64) error {
	if i != 0 {
		return fmt.Errorf("starting entropy queue %d: the device has 1", i)
	}
	d.q, d.stop, d.done = q, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(d.done)
		// The transport hears of an error, and reports it.
		_ = q.Run(d.handle)
	}()
	return nil
}

// StopQueue gives queue i back after the request that it is at.
func (d *Device) StopQueue(i int) {
	if i != 0 || d.q == nil {
		return
	}
	d.q.Stop()
	close(d.stop)
	<-d.done
	d.q = nil
}

// handle serves a batch of requests. Each is published at once, since the wait for
// the next may be long.
func (d *Device) handle(chains []virtq.Chain) {
	for i := range chains {
		if !d.admit() {
			d.q.Unpop(len(chains) - i) // whoever serves the queue next finds them
			return
		}
		d.q.Push(chains[i].Head, d.fill(chains[i].Writable()))
		d.q.Flush()
	}
}

// admit waits until the budget allows a request, and reports false if the queue was
// stopped meanwhile.
func (d *Device) admit() bool {
	if d.q.Stopped() {
		return false
	}
	wait := d.budget.wait(time.Now())
	if wait == 0 {
		return true
	}
	d.waits.Add(1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		d.budget.wait(time.Now())
		return true
	case <-d.stop:
		return false
	}
}

// fill puts random bytes in a buffer and returns how many. No copy of them is kept.
func (d *Device) fill(segs []guestmem.Segment) uint32 {
	n := int(min(guestmem.Total(segs), maxRequest))
	defer clear(d.buf[:n])
	_, _ = rand.Read(d.buf[:n]) // never fails (crypto/rand)
	d.budget.take(n)
	d.requests.Add(1)
	d.bytes.Add(uint64(n))
	return uint32(guestmem.Scatter(segs, d.buf[:n]))
}

// Reset has nothing to do: a guest does not get a new budget by it.
func (d *Device) Reset() {}

// Close has nothing to free.
func (d *Device) Close() error { return nil }

// Counters returns what the device has counted since it was made.
func (d *Device) Counters() map[string]uint64 {
	return map[string]uint64{
		"requests": d.requests.Load(),
		"bytes":    d.bytes.Load(),
		"waits":    d.waits.Load(), // requests that were held up
	}
}

var (
	_ virtio.Device   = (*Device)(nil)
	_ virtio.Counters = (*Device)(nil)
)
