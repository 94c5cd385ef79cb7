// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import (
	"encoding/binary"

	"arcbox.dev/datapath/guestmem"
)

// popSingles pops chains of one descriptor whose buffer is in the region of the
// last, until dst is full, the ring wraps or a chain is of another kind, and returns
// how many there were. The caller has seen that len(dst) chains are available.
//
// It refuses nothing: a chain that it stops at, for whatever reason, is read again
// and judged by walk, and nothing that was read here is used there. What the queue
// holds is kept in variables, since with each store to dst the compiler would have
// to load it again.
func (q *Queue) popSingles(dst []Chain) (done int) {
	desc, mem, base := q.desc, q.region.Mem, q.region.Addr
	heads := q.avail[q.nextAvail&q.mask:]
	heads = heads[:min(len(heads), len(dst))]
	dst = dst[:len(heads)]
	for i, head := range heads {
		at := int(head) * descSize
		if at > len(desc)-descSize {
			break
		}
		b := desc[at : at+descSize]
		tail := binary.LittleEndian.Uint64(b[8:])
		// An address before the region wraps to an offset beyond its end, or from which
		// the sum wraps again.
		off := binary.LittleEndian.Uint64(b) - base
		n := uint64(uint32(tail))
		end := off + n
		if tail&((flagNext|flagIndirect)<<32) != 0 || n == 0 || off >= end || end > uint64(len(mem)) {
			break
		}
		c := &dst[i]
		c.one[0] = guestmem.SegmentOf(mem[off:end:end])
		c.Head, c.Written = head, 0
		c.n, c.writable = 1, uint32(tail>>33)&1
		done++
	}
	q.nextAvail += uint16(done)
	return done
}
