// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import "encoding/binary"

// Feature bits (virtio 1.2 §5.3.3). VIRTIO_CONSOLE_F_MULTIPORT is not offered: a
// guest needs one console, and everything else goes over vsock.
const (
	featureSize      uint64 = 1 << 0
	featureEmergency uint64 = 1 << 2
)

// The queues of port 0 (virtio 1.2 §5.3.2).
const (
	receiveQueue  = 0 // to the guest
	transmitQueue = 1 // from the guest
)

// Queue sizes. Linux fills the receive queue with buffers of a page each when it
// finds the device, so that one is small; it transmits one buffer at a time.
const (
	receiveSize  = 8
	transmitSize = 64
)

// struct virtio_console_config (virtio 1.2 §5.3.4). max_nr_ports, at 4, belongs to a
// feature that is not offered.
const (
	columnsAt   = 0
	rowsAt      = 2
	emergencyAt = 8
	configSize  = 12
)

// ReadConfig reads the configuration space.
func (d *Device) ReadConfig(off uint32, p []byte) {
	clear(p)
	if off >= configSize {
		return
	}
	var c [configSize]byte
	size := d.size.Load()
	binary.LittleEndian.PutUint16(c[columnsAt:], uint16(size))
	binary.LittleEndian.PutUint16(c[rowsAt:], uint16(size>>16))
	copy(p, c[off:])
}

// WriteConfig is an emergency write: the low byte of emerg_wr is a character for
// the output, also before the driver has set anything up (virtio 1.2 §5.3.4). The
// rest of the space is read-only.
func (d *Device) WriteConfig(off uint32, p []byte) {
	if off != emergencyAt || len(p) == 0 {
		return
	}
	d.count.emergencyBytes.Add(1)
	d.out.write(p[:1])
}

// Resize tells the guest how large the terminal is now. 0 by 0 says that it is not
// known.
func (d *Device) Resize(columns, rows uint16) {
	now := uint32(columns) | uint32(rows)<<16
	if d.size.Swap(now) == now {
		return
	}
	if notify := d.notify.Load(); notify != nil {
		(*notify)()
	}
}

// OnConfigChange sets what Resize calls, or nothing for nil.
func (d *Device) OnConfigChange(notify func()) {
	if notify == nil {
		d.notify.Store(nil)
		return
	}
	d.notify.Store(&notify)
}
