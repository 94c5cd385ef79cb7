// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import "arcbox.dev/datapath/guestmem"

// discarder gives ranges of guest memory back to the host. It has no state of its
// own, and several queues use it at a time.
type discarder struct {
	memory  *guestmem.Memory
	discard Discard
	count   *counters
}

// give gives back n bytes at addr, both multiples of pageSize.
func (d *discarder) give(addr, n uint64) {
	d.count.discards.Add(1)
	if d.discard(addr, n) != nil {
		d.count.refused.Add(1)
		return
	}
	d.count.discardedBytes.Add(n)
}

// pages gives back the pages of one run, as far as they are guest memory.
func (d *discarder) pages(first uint32, n int) {
	for n > 0 {
		addr := uint64(first) * pageSize
		r, ok := d.memory.Region(addr)
		here := 0
		if ok {
			here = int(min((uint64(len(r.Mem))-(addr-r.Addr))/pageSize, uint64(n)))
		}
		if here > 0 {
			d.give(addr, uint64(here)*pageSize)
		} else {
			here = 1
			d.count.invalid.Add(1)
		}
		first, n = first+uint32(here), n-here
	}
}

// segment gives back the whole pages of a piece of guest memory.
func (d *discarder) segment(s guestmem.Segment) {
	addr, ok := address(d.memory, s.Bytes())
	if !ok {
		d.count.invalid.Add(1)
		return
	}
	first := (addr + pageSize - 1) &^ (pageSize - 1)
	end := (addr + uint64(s.Len())) &^ (pageSize - 1)
	if first >= end {
		d.count.invalid.Add(1)
		return
	}
	d.give(first, end-first)
}
