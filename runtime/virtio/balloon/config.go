// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"encoding/binary"
	"math"
)

// Feature bits (virtio 1.2 §5.5.3).
const (
	featureStats        uint64 = 1 << 1
	featureDeflateOnOOM uint64 = 1 << 2
	featureReporting    uint64 = 1 << 5
)

// pageSize is the unit of the balloon in bytes, whatever the guest's own pages are
// (virtio 1.2 §5.5.6).
const pageSize = 4096

// struct virtio_balloon_config (virtio 1.2 §5.5.4), up to the fields of features that
// are not offered.
const (
	targetAt   = 0 // num_pages, the device's
	actualAt   = 4 // the driver's
	configSize = 8
)

// config is the configuration space.
func (d *Device) config() (c [configSize]byte) {
	binary.LittleEndian.PutUint32(c[targetAt:], d.target)
	binary.LittleEndian.PutUint32(c[actualAt:], d.actual)
	return c
}

// ReadConfig reads the configuration space.
func (d *Device) ReadConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(p)
	if off < configSize {
		c := d.config()
		copy(p, c[off:])
	}
}

// WriteConfig stores what the driver says is in the balloon; the rest of the space is
// read-only.
func (d *Device) WriteConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.config()
	for i, b := range p {
		if at := uint64(off) + uint64(i); at >= actualAt && at < configSize {
			c[at] = b
		}
	}
	d.actual = binary.LittleEndian.Uint32(c[actualAt:])
}

// SetTarget asks the guest for so many bytes of its memory, in whole pages of 4 KiB.
// It gives them, or takes them back, as it sees fit; under memory pressure it may
// take back more than it was allowed.
func (d *Device) SetTarget(bytes uint64) {
	d.mu.Lock()
	before := d.target
	d.target = uint32(min(bytes/pageSize, math.MaxUint32))
	notify := d.notify
	changed := d.target != before
	d.mu.Unlock()
	if changed && notify != nil {
		notify()
	}
}

// Target returns what the guest was asked for, in bytes.
func (d *Device) Target() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(d.target) * pageSize
}

// Actual returns how many bytes the guest says are in the balloon.
func (d *Device) Actual() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(d.actual) * pageSize
}

// OnConfigChange sets what SetTarget calls, or nothing for nil.
func (d *Device) OnConfigChange(notify func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notify = notify
}
