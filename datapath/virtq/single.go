// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import "encoding/binary"

// popSingles pops chains of one descriptor whose buffer is in the window, until
// dst is full or a chain is another kind, and returns how many there were. The
// caller has checked that len(dst) chains are available.
//
// It refuses nothing: a chain that it stops at, for whatever reason, is read again
// and judged by walk, and nothing that was read here is used there. What the queue
// holds is kept in variables, since with each store to dst the compiler would have
// to load it again.
func (q *Queue) popSingles(dst []Chain) int {
	desc, win := q.desc, q.window
	entries := q.avail[int(q.nextAvail&q.mask)*availEntry:] // up to where the ring wraps
	n := 0
	for ; n < len(dst) && len(entries) >= availEntry; n++ {
		head := binary.LittleEndian.Uint16(entries)
		entries = entries[availEntry:]
		at := int(head) * descSize
		if at > len(desc)-descSize {
			break
		}
		b := desc[at : at+descSize]
		addr, tail := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if uint32(tail) == 0 || tail&((flagNext|flagIndirect)<<32) != 0 {
			break
		}
		off, size := addr-win.addr, uint64(uint32(tail))
		if off >= uint64(len(win.mem)) || size > uint64(len(win.mem))-off {
			break
		}
		c := &dst[n]
		if cap(c.bufs) == 0 {
			break
		}
		bufs := c.bufs[:1:1]
		bufs[0] = win.mem[off : off+size : off+size]
		c.Head, c.Written = head, 0
		if tail&(flagWrite<<32) == 0 {
			c.Readable, c.Writable = bufs, nil
		} else {
			c.Readable, c.Writable = nil, bufs
		}
	}
	q.nextAvail += uint16(n)
	return n
}
