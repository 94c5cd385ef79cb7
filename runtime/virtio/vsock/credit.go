// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import "time"

// Flow control (virtio 1.2 §5.10.6.3): each side says how large its buffer is and
// how much has left it. All counts of bytes run freely modulo 2^32.

// credit is what the guest lets the device send.
type credit struct {
	alloc     uint32 // size of the guest's buffer in bytes, as it last said
	forwarded uint32 // bytes that have left it, as it last said
	sent      uint32 // bytes sent to it
}

// free is how many bytes may be sent now. A guest that shrank its buffer, or says
// that more has left it than was sent, gets nothing until its figures make sense.
func (c *credit) free() uint32 {
	inFlight := c.sent - c.forwarded
	if inFlight >= c.alloc {
		return 0
	}
	return c.alloc - inFlight
}

// The window of a new connection in bytes, that of one beyond the budget, and the
// largest.
const (
	startWindow = 64 << 10
	smallWindow = 8 << 10
	largeWindow = 1 << 20
)

// window is what the device lets the guest send.
type window struct {
	size      uint32 // bytes that may be on their way to the host's socket; never shrinks
	received  uint32 // bytes that the guest sent
	forwarded uint32 // bytes that the host's socket took

	toldSize      uint32 // size and forwarded as the guest last heard of them
	toldForwarded uint32
}

// admit takes n bytes from the guest and reports whether it was allowed to send
// them, by what it had been told.
func (w *window) admit(n uint32) bool {
	used := w.received - w.toldForwarded
	if n > w.toldSize || used > w.toldSize-n {
		return false
	}
	w.received += n
	return true
}

// tell notes that a packet goes to the guest, which says the size and, unless hold is
// set, what was forwarded.
func (w *window) tell(hold bool) {
	w.toldSize = w.size
	if !hold {
		w.toldForwarded = w.forwarded
	}
}

// due reports whether the guest is to be told unasked: half of the window has
// become free since it last heard, or the window has grown. Linux does not have more
// on its way than its own buffer for the other direction could hold, used bytes: of
// a larger window, that is the part that counts.
func (w *window) due(used uint32) bool {
	freed := w.forwarded - w.toldForwarded
	return freed > 0 && freed >= min(w.size, used)/2 || w.size != w.toldSize
}

// pace finds out whether a larger window would help: many windows' worth went
// through in a short time.
type pace struct {
	since time.Time
	from  uint32 // bytes forwarded then
}

// paceWindows is how many windows' worth are many.
const paceWindows = 8

// quick reports that many windows' worth went through within limit, after which it
// measures anew.
func (p *pace) quick(w *window, now time.Time, limit time.Duration) bool {
	took := now.Sub(p.since)
	if took < limit && (w.forwarded-p.from)/paceWindows < w.size {
		return false
	}
	p.since, p.from = now, w.forwarded
	return took < limit
}
