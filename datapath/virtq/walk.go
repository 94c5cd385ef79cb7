// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

// walk follows the chain that begins at head and puts its buffers into c. It looks
// at no more descriptors than the queue has, one that goes too far, and one that
// refers to a table.
func (q *Queue) walk(c *Chain, head uint16) error {
	if head > q.mask {
		return q.broken(BadHead, head, descriptor{})
	}
	var (
		size     = uint32(q.mask) + 1
		bufs     = c.bufs[:0]
		table    = q.desc
		entries  = size      // descriptors in table
		indirect = false     // table is an indirect one
		here     = uint32(0) // descriptors seen in table
		seen     = uint32(0) // descriptors seen that have buffers
		bytes    = uint64(0)
		readable = -1 // number of slices before the first writable one, if there is one
		at       = head
		err      error
	)
	for {
		d := readDesc(table, at)
		if d.flags&flagIndirect != 0 {
			// virtio 1.2 §2.7.5.3.2: chained descriptors may come before the
			// indirect one, whose write flag is ignored.
			if table, err = q.indirectTable(d, at, indirect); err != nil {
				return err
			}
			entries, indirect = uint32(len(table)/descSize), true
			at, here = 0, 0
			continue
		}
		// With more steps than the table has descriptors, one was seen twice.
		if here++; here > entries {
			return q.broken(Cycle, at, d)
		}
		if seen++; seen > size {
			return q.broken(TooLong, at, d)
		}
		if bytes += uint64(d.len); bytes > maxBytes {
			return q.broken(TooLarge, at, d)
		}
		if d.flags&flagWrite == 0 {
			if readable >= 0 {
				return q.broken(BadOrder, at, d)
			}
		} else if readable < 0 {
			readable = len(bufs)
		}
		if bufs, err = q.mem.Append(bufs, d.addr, uint64(d.len)); err != nil {
			return q.broken(BadAddress, at, d)
		}
		if d.flags&flagNext == 0 {
			break
		}
		if uint32(d.next) >= entries {
			return q.broken(BadNext, at, d)
		}
		at = d.next
	}
	if readable < 0 {
		readable = len(bufs)
	}
	c.Head, c.bufs = head, bufs
	// Neither slice may grow into the other's place.
	c.Readable, c.Writable = bufs[:readable:readable], bufs[readable:len(bufs):len(bufs)]
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
