// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import "sync/atomic"

// counters count since the device was made.
type counters struct {
	dialed, accepted, refused atomic.Uint64 // connections
	resets                    atomic.Uint64 // packets opReset to the guest
	dropped                   atomic.Uint64 // packets of the guest that were not answered
	rxPackets, rxBytes        atomic.Uint64 // to the guest; bytes of payload
	txPackets, txBytes        atomic.Uint64 // from the guest
	creditUpdates             atomic.Uint64 // packets opCreditUpdate to the guest
	backlogged                atomic.Uint64 // bytes that a full socket did not take at once
}

// Counters returns what the device has counted, in the guest's view of rx and tx,
// and the number of connections of this moment.
func (d *Device) Counters() map[string]uint64 {
	d.mu.Lock()
	open := len(d.byID)
	d.mu.Unlock()
	c := &d.count
	return map[string]uint64{
		"connections":    uint64(open),
		"dialed":         c.dialed.Load(),
		"accepted":       c.accepted.Load(),
		"refused":        c.refused.Load(),
		"resets":         c.resets.Load(),
		"dropped":        c.dropped.Load(),
		"rx_packets":     c.rxPackets.Load(),
		"rx_bytes":       c.rxBytes.Load(),
		"tx_packets":     c.txPackets.Load(),
		"tx_bytes":       c.txBytes.Load(),
		"credit_updates": c.creditUpdates.Load(),
		"backlogged":     c.backlogged.Load(),
	}
}
