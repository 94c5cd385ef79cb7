// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"fmt"

	"arcbox.dev/runtime/virtio"
)

// MaxQueues is the most queues that a device can have.
const MaxQueues = 64

// idSize is the size of the string that kindGetID gives, in bytes.
const idSize = 20

// Options are what a device has beside its disk.
type Options struct {
	// Serial is what the guest reads as the disk's serial. Its first 20 bytes count.
	Serial string
	// Queues is the number of queues, from 1 to MaxQueues; 0 means 1.
	Queues int
	// ReadOnly forbids writing to a disk that would allow it.
	ReadOnly bool
}

// Device is a virtio block device.
type Device struct {
	disk     Disk
	readOnly bool
	sectors  uint64 // capacity
	id       [idSize]byte
	config   [configSize]byte
	queues   []queue
	count    counters
}

// New makes a device of a disk, which it closes when it is closed.
func New(disk Disk, o Options) *Device {
	n := min(max(o.Queues, 1), MaxQueues)
	d := &Device{
		disk:     disk,
		readOnly: o.ReadOnly || disk.ReadOnly(),
		sectors:  uint64(disk.Size() / SectorSize),
		config:   configSpace(disk.Size(), n),
		queues:   make([]queue, n),
	}
	copy(d.id[:], o.Serial)
	return d
}

// ID is the device's type.
func (d *Device) ID() virtio.DeviceID { return virtio.IDBlock }

// Features are the device's features. Without featureFlush the driver has no way
// to ask for durability: each write is made durable then.
func (d *Device) Features() uint64 {
	f := featureSizeMax | featureSegMax | featureBlockSize | featureTopology | featureFlush
	if len(d.queues) > 1 {
		f |= featureMultiQueue
	}
	if d.readOnly {
		return f | featureReadOnly
	}
	return f | featureDiscard | featureWriteZeroes
}

// QueueSizes holds the size of each queue.
func (d *Device) QueueSizes() []uint16 {
	sizes := make([]uint16, len(d.queues))
	for i := range sizes {
		sizes[i] = queueSize
	}
	return sizes
}

// ReadConfig reads the configuration space.
func (d *Device) ReadConfig(off uint32, p []byte) {
	clear(p)
	if off < configSize {
		copy(p, d.config[off:])
	}
}

// WriteConfig ignores what is written: the one writable field, writeback, belongs to
// a feature that is not offered.
func (d *Device) WriteConfig(uint32, []byte) {}

// StartQueue serves queue i.
func (d *Device) StartQueue(i int, q *virtio.Queue, features uint64) error {
	if i < 0 || i >= len(d.queues) {
		return fmt.Errorf("starting block queue %d: the device has %d", i, len(d.queues))
	}
	d.queues[i].start(d, q, features)
	return nil
}

// StopQueue gives queue i back after the request that it is at.
func (d *Device) StopQueue(i int) {
	if i >= 0 && i < len(d.queues) {
		d.queues[i].stop()
	}
}

// Reset has nothing to do: all state is the disk's or a queue's.
func (d *Device) Reset() {}

// Close closes the disk.
func (d *Device) Close() error { return d.disk.Close() }

var (
	_ virtio.Device   = (*Device)(nil)
	_ virtio.Counters = (*Device)(nil)
)
