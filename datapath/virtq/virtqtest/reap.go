// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqtest

import "fmt"

// Reap takes up to len(dst) used chains from the device, frees their descriptors,
// and returns how many it took. A used element that no driver could accept is an
// error: the device is broken.
func (d *Driver) Reap(dst []Done) (int, error) {
	_, used := d.Used()
	n := min(int(used-d.seen), len(dst))
	if int(used-d.seen) > len(d.length) {
		return 0, fmt.Errorf("reaping: used index jumped from %d to %d in a queue of %d", d.seen, used, len(d.length))
	}
	for i := range n {
		head, written := d.UsedEntry(d.seen)
		if int(head) >= len(d.length) || d.length[head] == 0 {
			return i, fmt.Errorf("reaping: chain %d at index %d is not with the device", head, d.seen)
		}
		dst[i] = Done{Head: uint16(head), Written: written}
		d.release(uint16(head))
		d.seen++
	}
	return n, nil
}

// release frees the descriptors of a chain.
func (d *Driver) release(head uint16) {
	n := d.length[head]
	d.length[head] = 0
	for at := head; n > 0; n-- {
		next := d.next[at]
		d.free = append(d.free, at)
		at = next
	}
}

// DisableInterrupts asks the device for none (virtio 1.2 §2.7.7.1).
func (d *Driver) DisableInterrupts() {
	d.noSignal = true
	if !d.opts.EventIdx {
		d.storeAvail()
	}
}

// EnableInterrupts asks the device for an interrupt at the next chain that it
// uses, and says whether there is one already, for which none may come.
func (d *Driver) EnableInterrupts() (more bool) {
	d.noSignal = false
	if d.opts.EventIdx {
		d.SetUsedEvent(d.seen)
	}
	// Also the barrier between the event index and the used index.
	d.storeAvail()
	_, used := d.Used()
	return used != d.seen
}
