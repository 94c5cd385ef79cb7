// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"fmt"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
)

// queue is what the driver has set for one of the device's queues.
type queue struct {
	max               uint16 // what the device can take
	num               uint32 // number of descriptors as written
	desc, avail, used uint64
	ready             bool
	spent             bool // was started since the last reset
	run               *run // not nil while the device has it
}

// run is a queue's time with the device.
type run struct {
	index int
	wait  *eventfd.Kick // nil if another process waits for kicks
	over  bool          // guarded by Transport.ending
}

// selected is the queue that the registers are about, or nil.
func (t *Transport) selected() *queue {
	if uint64(t.queueSel) >= uint64(len(t.queues)) {
		return nil
	}
	return &t.queues[t.queueSel]
}

// write sets the queue's size or a half of an address, unless that is frozen.
func (q *queue) write(off uint64, v uint32) {
	if q.ready || q.spent {
		return
	}
	switch off {
	case regQueueNum:
		q.num = v
	case regQueueDescLow:
		setHalf(&q.desc, 0, v)
	case regQueueDescHigh:
		setHalf(&q.desc, 1, v)
	case regQueueDriverLow:
		setHalf(&q.avail, 0, v)
	case regQueueDriverHigh:
		setHalf(&q.avail, 1, v)
	case regQueueDeviceLow:
		setHalf(&q.used, 0, v)
	case regQueueDeviceHigh:
		setHalf(&q.used, 1, v)
	}
}

// layout is where the queue is in guest memory.
func (q *queue) layout() (virtq.Layout, error) {
	if q.num == 0 || q.num > uint32(q.max) {
		return virtq.Layout{}, fmt.Errorf("queue size %d, the device takes 1 to %d", q.num, q.max)
	}
	return virtq.Layout{Size: uint16(q.num), Desc: q.desc, Avail: q.avail, Used: q.used}, nil
}

// open makes the device's side of what was set. It does not touch guest memory.
func (t *Transport) open(q *queue) (l virtq.Layout, vq *virtq.Queue, err error) {
	if l, err = q.layout(); err == nil {
		vq, err = virtq.New(t.wire.Memory, l, virtq.Options{
			EventIdx: t.features&virtio.FeatureEventIdx != 0,
			Indirect: t.features&virtio.FeatureIndirectDesc != 0,
		})
	}
	return l, vq, err
}

// writeReady acts on what the driver writes to QueueReady of the selected queue
// (virtio 1.2 §4.2.2). A queue that cannot work stays unready, and the device then
// needs a reset. One that was stopped is started again by a reset alone, since
// VIRTIO_F_RING_RESET is not offered.
func (t *Transport) writeReady(v uint32) {
	q := t.selected()
	switch {
	case q == nil:
	case v == 0:
		t.stop(int(t.queueSel))
		q.ready = false
	case v == 1 && !q.ready && !q.spent:
		if _, _, err := t.open(q); err != nil {
			t.log.Warn("queue cannot be used", "queue", t.queueSel, "error", err)
			t.fail()
			return
		}
		q.ready = true
		if t.Active() {
			t.start(int(t.queueSel))
		}
	}
}

// start gives a queue that is ready to the device, unless the device is broken.
func (t *Transport) start(i int) {
	if t.status.Load()&statusNeedsReset != 0 {
		return
	}
	q := &t.queues[i]
	r := &run{index: i}
	q.run, q.spent = r, true
	if err := t.hand(q, r); err != nil {
		t.end(r)
		q.run = nil
		t.log.Warn("queue was not started", "queue", i, "error", err)
		t.fail()
	}
}

// hand hands a queue to the device.
func (t *Transport) hand(q *queue, r *run) error {
	l, vq, err := t.open(q)
	if err != nil {
		return err
	}
	broken := func(err error) { t.broken(r, err) }
	if t.direct != nil {
		return t.direct.StartDirect(r.index, virtio.DirectQueue{
			Layout: l, Kick: t.wire.Kicks[r.index], Call: t.wire.Interrupt, Broken: broken,
		}, t.features)
	}
	if r.wait, err = eventfd.NewKick(t.wire.Kicks[r.index]); err != nil {
		return err
	}
	return t.dev.StartQueue(r.index, &virtio.Queue{Queue: vq, Kick: r.wait, Call: call{t}, Broken: broken}, t.features)
}

// stop takes a queue back from the device, for which it waits.
func (t *Transport) stop(i int) {
	r := t.queues[i].run
	if r == nil {
		return
	}
	t.dev.StopQueue(i)
	t.end(r)
	t.queues[i].run = nil
}

// end ends a run that the device does not know of any more. What it may still say
// about the queue is not heard.
func (t *Transport) end(r *run) {
	t.ending.Lock()
	r.over = true
	t.ending.Unlock()
	if r.wait != nil {
		r.wait.Release()
	}
}

// broken is what the device tells that it cannot serve the queue any more, from any
// goroutine, while mu may be held by one that waits for just that goroutine.
func (t *Transport) broken(r *run, err error) {
	t.ending.Lock()
	over := r.over
	if !over {
		t.fail()
	}
	t.ending.Unlock()
	if !over {
		t.log.Warn("queue is broken and no longer served", "queue", r.index, "error", err)
	}
}
