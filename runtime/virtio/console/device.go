// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"fmt"
	"io"
	"sync/atomic"

	"arcbox.dev/runtime/virtio"
)

// Options are what a console begins with.
type Options struct {
	// Columns and Rows are the terminal's size in characters; 0 if it is not known.
	Columns, Rows uint16
}

// Device is a virtio console.
type Device struct {
	size   atomic.Uint32 // columns, and rows from bit 16 on
	notify atomic.Pointer[func()]
	out    output
	tx     transmitter
	rx     receiver
	count  counters
}

// New makes a console whose output goes to out, which stays the caller's. The
// guest's console waits while out does, so out must not wait for the guest. A write
// that fails loses its bytes: there is nobody who could be told.
func New(out io.Writer, o Options) *Device {
	d := &Device{}
	d.size.Store(uint32(o.Columns) | uint32(o.Rows)<<16)
	d.out.w, d.out.count = out, &d.count
	d.tx.out = &d.out
	d.rx.init(&d.count)
	return d
}

// ID is the device's type.
func (d *Device) ID() virtio.DeviceID { return virtio.IDConsole }

// Features are the device's features.
func (d *Device) Features() uint64 { return featureSize | featureEmergency }

// QueueSizes holds the size of each queue.
func (d *Device) QueueSizes() []uint16 {
	return []uint16{receiveQueue: receiveSize, transmitQueue: transmitSize}
}

// StartQueue serves queue i.
func (d *Device) StartQueue(i int, q *virtio.Queue, _ uint64) error {
	switch i {
	case receiveQueue:
		d.rx.start(q)
	case transmitQueue:
		d.tx.start(q)
	default:
		return fmt.Errorf("starting console queue %d: the device has 2", i)
	}
	return nil
}

// StopQueue gives queue i back.
func (d *Device) StopQueue(i int) {
	switch i {
	case receiveQueue:
		d.rx.stop()
	case transmitQueue:
		d.tx.stop()
	}
}

// Reset has nothing to do. What was typed and not read yet is kept: a driver's
// first act is a reset, and what was typed before it was there is meant for it.
func (d *Device) Reset() {}

// Close ends all writers of input.
func (d *Device) Close() error {
	d.rx.close()
	return nil
}

var (
	_ virtio.Device        = (*Device)(nil)
	_ virtio.ConfigChanger = (*Device)(nil)
	_ virtio.Counters      = (*Device)(nil)
)
