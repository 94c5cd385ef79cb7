// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import "sync/atomic"

// counters count since the device was made.
type counters struct {
	requests, failed        atomic.Uint64
	readBytes, writtenBytes atomic.Uint64
	flushes                 atomic.Uint64
	discardedBytes          atomic.Uint64
	zeroedBytes             atomic.Uint64
}

// Counters returns what the device has counted.
func (d *Device) Counters() map[string]uint64 {
	c := &d.count
	return map[string]uint64{
		"requests":        c.requests.Load(),
		"failed":          c.failed.Load(),
		"read_bytes":      c.readBytes.Load(),
		"written_bytes":   c.writtenBytes.Load(),
		"flushes":         c.flushes.Load(),
		"discarded_bytes": c.discardedBytes.Load(),
		"zeroed_bytes":    c.zeroedBytes.Load(),
	}
}
