// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import "sync/atomic"

// counters count since the device was made.
type counters struct {
	outputBytes, outputWrites atomic.Uint64
	lostBytes                 atomic.Uint64 // output that could not be written
	emergencyBytes            atomic.Uint64
	inputBytes                atomic.Uint64 // given to the guest
}

// Counters returns what the device has counted.
func (d *Device) Counters() map[string]uint64 {
	c := &d.count
	return map[string]uint64{
		"output_bytes":    c.outputBytes.Load(),
		"output_writes":   c.outputWrites.Load(),
		"lost_bytes":      c.lostBytes.Load(),
		"emergency_bytes": c.emergencyBytes.Load(),
		"input_bytes":     c.inputBytes.Load(),
	}
}
