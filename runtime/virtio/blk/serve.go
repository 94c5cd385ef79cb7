// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import "arcbox.dev/datapath/guestmem"

// do carries out a request and returns how many bytes of r.in it has filled, from
// the beginning.
func (q *queue) do(r *request) (status, uint32) {
	switch r.kind {
	case kindIn:
		return q.read(r)
	case kindOut:
		return q.write(r), 0
	case kindFlush:
		return q.flush(), 0
	case kindGetID:
		return q.getID(r)
	case kindDiscard:
		return q.ranges(r, featureDiscard, maxDiscardSegments, q.discard), 0
	case kindWriteZeroes:
		return q.ranges(r, featureWriteZeroes, maxZeroSegments, q.writeZeroes), 0
	}
	return statusUnsupported, 0
}

// within checks that n bytes from a sector on are whole sectors within the disk,
// and returns the sector's offset in bytes.
func (d *Device) within(sector, n uint64) (off int64, ok bool) {
	if n%SectorSize != 0 || n > maxData || sector > d.sectors || n/SectorSize > d.sectors-sector {
		return 0, false
	}
	return int64(sector * SectorSize), true
}

func (q *queue) read(r *request) (status, uint32) {
	n := guestmem.Total(r.in)
	off, ok := q.dev.within(r.sector, n)
	if !ok || q.dev.disk.Readv(r.in, off) != nil {
		return statusError, 0
	}
	q.dev.count.readBytes.Add(n)
	return statusOK, uint32(n)
}

func (q *queue) write(r *request) status {
	n := guestmem.Total(r.out)
	off, ok := q.dev.within(r.sector, n)
	// virtio 1.2 §5.2.6.2: writing to a read-only device fails and writes nothing.
	if !ok || q.dev.readOnly || q.dev.disk.Writev(r.out, off) != nil {
		return statusError
	}
	q.dev.count.writtenBytes.Add(n)
	return q.settle()
}

// settle makes a write durable for a driver that cannot ask for it: without
// featureFlush the cache is write-through (virtio 1.2 §5.2.5.1).
func (q *queue) settle() status {
	if q.features&featureFlush != 0 {
		return statusOK
	}
	return q.flush()
}

func (q *queue) flush() status {
	q.dev.count.flushes.Add(1)
	if q.dev.readOnly {
		return statusOK
	}
	if q.dev.disk.Flush() != nil {
		return statusError
	}
	return statusOK
}

func (q *queue) getID(r *request) (status, uint32) {
	return statusOK, uint32(guestmem.Scatter(r.in, q.dev.id[:]))
}

// ranges carries out do for each segment of the request's data. Where one fails,
// those before it are done.
func (q *queue) ranges(r *request, feature uint64, most int, do func(segment) status) status {
	if q.features&feature == 0 {
		return statusUnsupported
	}
	if q.dev.readOnly {
		return statusError
	}
	n := guestmem.Total(r.out)
	if n%segmentSize != 0 || n == 0 || n > uint64(most)*segmentSize {
		return statusError
	}
	var b [segmentSize]byte
	for rest := r.out; len(rest) > 0; {
		_, rest = take(b[:], rest)
		if st := do(parseSegment(&b)); st != statusOK {
			return st
		}
	}
	return q.settle()
}

// discard forgets a range. A flag with it is not supported, unmap among them
// (virtio 1.2 §5.2.6.2).
func (q *queue) discard(s segment) status {
	if s.flags != 0 {
		return statusUnsupported
	}
	off, n, ok := q.dev.extent(s, maxDiscardSectors)
	if !ok || q.dev.disk.Discard(off, n) != nil {
		return statusError
	}
	q.dev.count.discardedBytes.Add(uint64(n))
	return statusOK
}

func (q *queue) writeZeroes(s segment) status {
	if s.flags&^flagUnmap != 0 {
		return statusUnsupported
	}
	off, n, ok := q.dev.extent(s, maxZeroSectors)
	if !ok || q.dev.disk.WriteZeroes(off, n, s.flags&flagUnmap != 0) != nil {
		return statusError
	}
	q.dev.count.zeroedBytes.Add(uint64(n))
	return statusOK
}

// extent is a segment in bytes, if it is within the disk and not too long.
func (d *Device) extent(s segment, most uint32) (off, n int64, ok bool) {
	if s.sectors > most || s.sector > d.sectors || uint64(s.sectors) > d.sectors-s.sector {
		return 0, 0, false
	}
	return int64(s.sector * SectorSize), int64(s.sectors) * SectorSize, true
}
