// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"

	"arcbox.dev/runtime/virtio/eventfd"
)

// Read answers a guest's read of len(p) bytes at offset off into the window. Below
// MirrorOffset there are 32-bit registers alone, and any other access reads as zero
// (virtio 1.2 §4.2.2.2); from there on, bytes are memory. Safe from any goroutine.
func (t *Transport) Read(off uint64, p []byte) {
	if n := registers(off, len(p)); n < len(p) {
		t.page.read(off+uint64(n), p[n:])
		p = p[:n]
	}
	clear(p)
	if len(p) == wordSize {
		binary.LittleEndian.PutUint32(p, t.readRegister(off))
	}
}

// registers is how many of the n bytes from off on are below MirrorOffset. An access
// to both sides counts as two, for it is two if a page begins there.
func registers(off uint64, n int) int {
	if off >= MirrorOffset {
		return 0
	}
	return int(min(MirrorOffset-off, uint64(n)))
}

// readRegister reads what is below MirrorOffset. What can only be written, and what
// does not exist, reads as zero; nothing exists at offsets that are not aligned.
func (t *Transport) readRegister(off uint64) uint32 {
	switch off {
	case regMagicValue:
		return magicValue
	case regVersion:
		return version
	case regDeviceID:
		return uint32(t.id)
	case regVendorID:
		return vendorID
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch off {
	case regDeviceFeatures:
		return half(t.offered, t.featuresSel)
	case regQueueNumMax:
		if q := t.selected(); q != nil {
			return uint32(q.max)
		}
	case regQueueReady:
		if q := t.selected(); q != nil && q.ready {
			return 1
		}
	}
	return 0
}

// Write carries out a guest's write of p at offset off into the window. Writes of a
// width or alignment that the register does not have, and those to what can only be
// read, are ignored: no access to both sides of MirrorOffset reaches a register that
// can be written. Safe from any goroutine. It waits for queues that it stops.
func (t *Transport) Write(off uint64, p []byte) {
	if off >= ConfigOffset {
		if off < Size {
			t.writeConfig(uint32(off-ConfigOffset), p)
		}
		return
	}
	if len(p) != wordSize {
		return
	}
	v := binary.LittleEndian.Uint32(p)
	switch off {
	case QueueNotify:
		if uint64(v) < uint64(len(t.wire.Kicks)) {
			// A counter that is full has woken the device.
			_ = eventfd.Signal(t.wire.Kicks[v])
		}
	case regInterruptACK:
		t.interrupt.And(^v | t.sticky)
	default:
		t.writeRegister(off, v)
	}
}

// writeRegister writes the registers that need the lock.
func (t *Transport) writeRegister(off uint64, v uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	switch off {
	case regStatus:
		t.writeStatus(v)
	case regDeviceFeaturesSel:
		t.featuresSel = v
	case regDriverFeaturesSel:
		t.driverSel = v
	case regDriverFeatures:
		// Frozen once they were accepted (virtio 1.2 §3.1.1, step 5).
		if t.status.Load()&statusFeaturesOK == 0 {
			setHalf(&t.features, t.driverSel, v)
		}
	case regQueueSel:
		t.queueSel = v
	case regQueueReady:
		t.writeReady(v)
	default:
		if q := t.selected(); q != nil {
			q.write(off, v)
		}
	}
}

// half is 32 of 64 bits. Bits from 64 on are zero.
func half(v uint64, sel uint32) uint32 {
	switch sel {
	case 0:
		return uint32(v)
	case 1:
		return uint32(v >> 32)
	}
	return 0
}

// setHalf sets 32 of 64 bits. Bits from 64 on are ignored.
func setHalf(v *uint64, sel, bits uint32) {
	switch sel {
	case 0:
		*v = *v&^(1<<32-1) | uint64(bits)
	case 1:
		*v = *v&(1<<32-1) | uint64(bits)<<32
	}
}
