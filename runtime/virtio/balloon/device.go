// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"fmt"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// The device's queues (virtio 1.2 §5.5.2). The free page hints' queue is not there,
// since they are not offered, and queues behind one that is not there move up: this
// is how Linux and other devices count. A driver that takes no statistics thus finds
// reporting in the place of statsQueue.
const (
	inflateQueue = iota
	deflateQueue
	statsQueue
	reportQueue
	queues
)

// Queue sizes. Linux has one chain in each queue at a time; a report is of up to 32
// descriptors, and Linux refuses the whole device if its queue is smaller.
const (
	pagesSize  = 16
	reportSize = 64
)

// Discard gives memory back to the host: n bytes from a guest address on, both
// multiples of 4 KiB, inside one region of guest memory. What the guest reads there
// next is zeros or what was there when the VM began; it is not an error of the
// guest's if a range is refused. It is called from several goroutines at a time.
type Discard func(addr, n uint64) error

// Device is a virtio memory balloon.
type Device struct {
	to     discarder
	stats  asker
	queues [queues]queue
	count  counters

	mu     sync.Mutex
	target uint32 // pages
	actual uint32 // pages, as the driver says
	notify func()
}

// New makes a balloon over memory, which discard gives back to the host.
func New(memory *guestmem.Memory, discard Discard) *Device {
	d := &Device{}
	d.to = discarder{memory: memory, discard: discard, count: &d.count}
	return d
}

// ID is the device's type.
func (d *Device) ID() virtio.DeviceID { return virtio.IDBalloon }

// Features are the device's features.
func (d *Device) Features() uint64 {
	return featureStats | featureDeflateOnOOM | featureReporting
}

// QueueSizes holds the size of each queue. In the place of statsQueue there may be
// reporting.
func (d *Device) QueueSizes() []uint16 {
	return []uint16{inflateQueue: pagesSize, deflateQueue: pagesSize, statsQueue: reportSize, reportQueue: reportSize}
}

// StartQueue serves queue i.
func (d *Device) StartQueue(i int, q *virtio.Queue, features uint64) error {
	stats, reporting := features&featureStats != 0, features&featureReporting != 0
	switch {
	case i == inflateQueue:
		p := &pages{q: q, to: &d.to}
		d.queues[i].run(q, p.inflate)
	case i == deflateQueue:
		p := &pages{q: q, to: &d.to}
		d.queues[i].run(q, p.deflate)
	case i == statsQueue && stats:
		d.stats.start(q)
		d.queues[i].watch(q, d.stats.wake)
	case (i == statsQueue || i == reportQueue) && reporting:
		r := &reports{q: q, to: &d.to}
		d.queues[i].run(q, r.handle)
	default:
		return fmt.Errorf("starting balloon queue %d: no such queue with features %#x", i, features)
	}
	return nil
}

// StopQueue gives queue i back.
func (d *Device) StopQueue(i int) {
	if i < 0 || i >= queues || d.queues[i].q == nil {
		return
	}
	if i == statsQueue {
		d.stats.stop()
	}
	d.queues[i].stop()
}

// Reset empties the balloon: a driver that begins has nothing in it. What the host
// has asked for stays asked for.
func (d *Device) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.actual = 0
}

// Close has nothing to free.
func (d *Device) Close() error { return nil }

// queue is one queue and the goroutine that serves it.
type queue struct {
	q    *virtio.Queue
	done chan struct{}
}

func (q *queue) run(vq *virtio.Queue, handle func([]virtq.Chain)) {
	q.serve(vq, func() error { return vq.Run(handle) })
}

func (q *queue) watch(vq *virtio.Queue, wake func()) {
	q.serve(vq, func() error { return vq.Watch(wake) })
}

func (q *queue) serve(vq *virtio.Queue, loop func() error) {
	done := make(chan struct{})
	q.q, q.done = vq, done
	go func() {
		defer close(done)
		_ = loop() // the transport hears of an error, and reports it
	}()
}

func (q *queue) stop() {
	q.q.Stop()
	<-q.done
	*q = queue{}
}

var (
	_ virtio.Device        = (*Device)(nil)
	_ virtio.ConfigChanger = (*Device)(nil)
	_ virtio.Counters      = (*Device)(nil)
)
