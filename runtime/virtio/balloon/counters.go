// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import "sync/atomic"

// counters count since the device was made.
type counters struct {
	inflatedPages, deflatedPages atomic.Uint64
	reportedBytes                atomic.Uint64
	discards, discardedBytes     atomic.Uint64
	invalid                      atomic.Uint64 // pages and ranges that are not in guest memory
	refused                      atomic.Uint64 // ranges that the host did not take
}

// Counters returns what the device has counted.
func (d *Device) Counters() map[string]uint64 {
	c := &d.count
	return map[string]uint64{
		"inflated_pages":  c.inflatedPages.Load(),
		"deflated_pages":  c.deflatedPages.Load(),
		"reported_bytes":  c.reportedBytes.Load(),
		"discards":        c.discards.Load(),
		"discarded_bytes": c.discardedBytes.Load(),
		"invalid":         c.invalid.Load(),
		"refused":         c.refused.Load(),
	}
}
