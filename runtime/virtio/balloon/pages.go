// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"encoding/binary"
	"slices"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// listed is how many page numbers are looked at together: as many as fit in a page.
// Linux sends 256 at a time.
const listed = pageSize / 4

// pages serves the queues of page numbers: arrays of little-endian 32-bit numbers in
// units of pageSize (virtio 1.2 §5.5.6).
type pages struct {
	q    *virtio.Queue
	to   *discarder
	raw  [listed * 4]byte
	list [listed]uint32
	segs []guestmem.Segment
}

// inflate gives back the pages that the guest put in the balloon, before it answers.
func (p *pages) inflate(chains []virtq.Chain) {
	for i := range chains {
		if p.q.Stopped() || !p.giveAll(chains[i].Readable()) {
			// Whoever serves the queue next finds these. To give a page back twice does
			// no harm: it is the balloon's until the chain is answered.
			p.q.Unpop(len(chains) - i)
			return
		}
		p.q.Push(chains[i].Head, 0)
	}
}

// giveAll reports false if the queue was stopped before the end of the array, which
// may be many times as large as the guest.
func (p *pages) giveAll(segs []guestmem.Segment) bool {
	for rest, off := guestmem.Total(segs)/4, 0; rest > 0; {
		if p.q.Stopped() {
			return false
		}
		want := int(min(rest, listed)) * 4
		p.segs, _ = guestmem.AppendPart(p.segs[:0], segs, off, want)
		guestmem.Gather(p.raw[:want], p.segs)
		p.give(want / 4)
		off += want
		rest -= uint64(want / 4)
	}
	return true
}

// give gives back the n pages in raw, neighbours together. Linux lists them in the
// order in which it found them.
func (p *pages) give(n int) {
	list := p.list[:n]
	for i := range list {
		list[i] = binary.LittleEndian.Uint32(p.raw[4*i:])
	}
	p.to.count.inflatedPages.Add(uint64(n))
	slices.Sort(list)
	list = slices.Compact(list)
	for len(list) > 0 {
		run := 1
		for run < len(list) && list[run] == list[0]+uint32(run) {
			run++
		}
		p.to.pages(list[0], run)
		list = list[run:]
	}
}

// deflate answers for pages that the guest takes back. There is nothing to be done
// for them, nor to be looked at.
func (p *pages) deflate(chains []virtq.Chain) {
	for i := range chains {
		p.to.count.deflatedPages.Add(chains[i].ReadableLen() / 4)
		p.q.Push(chains[i].Head, 0)
	}
}
