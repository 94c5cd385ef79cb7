// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import "arcbox.dev/datapath/guestmem"

// walk follows the chain that begins at head and makes c of it. It looks at no more
// descriptors than the queue has, one that goes too far, and one that refers to a
// table.
func (q *Queue) walk(c *Chain, head uint16) error {
	if head > q.mask {
		return q.broken(BadHead, head, descriptor{})
	}
	var (
		table     = q.desc
		left      = int(q.mask) + 1 // descriptors that the chain may still have
		tooMany   = Cycle           // what it is to have more
		indirect  = false           // table is an indirect one
		at        = head
		bytes     = uint64(0)
		segs      = c.more // room; n are in use
		n         = 0
		readable  = -1 // number of segments before the first writable one, if there is one
		mem, base = q.region.Mem, q.region.Addr
	)
	for {
		d := readDesc(table, at)
		if d.flags&flagIndirect != 0 {
			// virtio 1.2 §2.7.5.3.2: chained descriptors may come before the
			// indirect one, whose write flag is ignored.
			var err error
			if table, err = q.indirectTable(d, at, indirect); err != nil {
				return err
			}
			// With more steps than a table has descriptors, one was seen twice.
			if entries := len(table) / descSize; entries <= left {
				left = entries
			} else {
				tooMany = TooLong
			}
			indirect, at = true, 0
			continue
		}
		if left--; left < 0 {
			return q.broken(tooMany, at, d)
		}
		if bytes += uint64(d.len); bytes > maxBytes {
			return q.broken(TooLarge, at, d)
		}
		if d.flags&flagWrite == 0 {
			if readable >= 0 {
				return q.broken(BadOrder, at, d)
			}
		} else if readable < 0 {
			readable = n
		}
		off, size := d.addr-base, uint64(d.len)
		if end := off + size; size == 0 {
			// Buffers of no length are left out.
		} else if off < end && end <= uint64(len(mem)) && n < len(segs) {
			segs[n] = guestmem.SegmentOf(mem[off:end:end]) // as popSingles has it
			n++
		} else {
			var err error
			// Rarely: storage grows, the region changes, or the buffer spans two.
			if segs, err = q.mem.Append(segs[:n], d.addr, uint64(d.len)); err != nil {
				return q.broken(BadAddress, at, d)
			}
			n, segs = len(segs), segs[:cap(segs)]
			c.more = segs
			q.region, _ = q.mem.Region(d.addr)
			mem, base = q.region.Mem, q.region.Addr
		}
		if d.flags&flagNext == 0 {
			break
		}
		if int(d.next) >= len(table)/descSize {
			return q.broken(BadNext, at, d)
		}
		at = d.next
	}
	if readable < 0 {
		readable = n
	}
	c.become(head, n, n-readable)
	return nil
}

// indirectTable returns the table that d refers to. nested says that d is in such
// a table itself.
func (q *Queue) indirectTable(d descriptor, at uint16, nested bool) ([]byte, error) {
	switch {
	case !q.indirect:
		return nil, q.broken(NotNegotiated, at, d)
	case nested:
		return nil, q.broken(Nested, at, d)
	case d.flags&flagNext != 0:
		return nil, q.broken(IndirectNext, at, d)
	case d.len == 0 || d.len%descSize != 0:
		return nil, q.broken(BadTable, at, d)
	}
	table, err := q.mem.Slice(d.addr, uint64(d.len))
	if err != nil {
		return nil, q.broken(BadAddress, at, d)
	}
	return table, nil
}

// broken makes the error for a descriptor of the chain that is popped just now.
func (q *Queue) broken(r Reason, at uint16, d descriptor) error {
	return &Error{Reason: r, Index: q.nextAvail, Desc: at, Addr: d.addr, Len: d.len}
}
