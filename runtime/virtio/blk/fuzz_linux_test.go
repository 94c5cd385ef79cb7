// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"encoding/binary"
	"fmt"
	"testing"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// memoryDisk is a disk that panics when a device asks it for what no device may.
type memoryDisk struct {
	data     []byte
	readOnly bool
}

func (m *memoryDisk) check(off, n int64) {
	if off < 0 || n < 0 || off%SectorSize != 0 || n%SectorSize != 0 || off+n > m.Size() {
		panic(fmt.Sprintf("%d bytes at %d", n, off))
	}
}

func (m *memoryDisk) change() {
	if m.readOnly {
		panic("written")
	}
}

func (m *memoryDisk) Size() int64    { return int64(len(m.data)) }
func (m *memoryDisk) ReadOnly() bool { return m.readOnly }
func (m *memoryDisk) Flush() error   { return nil }
func (m *memoryDisk) Close() error   { return nil }

func (m *memoryDisk) Readv(bufs []guestmem.Segment, off int64) error {
	m.check(off, int64(guestmem.Total(bufs)))
	for _, b := range bufs {
		off += int64(copy(b.Bytes(), m.data[off:]))
	}
	return nil
}

func (m *memoryDisk) Writev(bufs []guestmem.Segment, off int64) error {
	m.change()
	m.check(off, int64(guestmem.Total(bufs)))
	for _, b := range bufs {
		off += int64(copy(m.data[off:], b.Bytes()))
	}
	return nil
}

func (m *memoryDisk) Discard(off, n int64) error { return m.WriteZeroes(off, n, true) }

func (m *memoryDisk) WriteZeroes(off, n int64, _ bool) error {
	m.change()
	m.check(off, n)
	clear(m.data[off : off+n])
	return nil
}

// FuzzRequest serves a request of arbitrary bytes and framing. cuts holds the
// lengths of buffers; the first readable of them are readable and hold data. The
// invariants: a status that says something known wherever there is room for one, a
// used length within the chain, and nothing that memoryDisk panics at.
func FuzzRequest(f *testing.F) {
	head := func(k kind, sector uint64, rest ...byte) []byte {
		b := make([]byte, headerSize, headerSize+len(rest))
		binary.LittleEndian.PutUint32(b, uint32(k))
		binary.LittleEndian.PutUint64(b[8:], sector)
		return append(b, rest...)
	}
	sector := make([]byte, 512)
	f.Add(head(kindIn, 0), []byte{16, 255, 255, 2, 1}, uint8(1), false)
	f.Add(head(kindIn, 1), []byte{1, 15, 128, 128, 128, 129}, uint8(2), false)      // header and status split
	f.Add(head(kindOut, 0, sector...), []byte{200, 200, 128, 1}, uint8(3), false)   // header with data
	f.Add(head(kindOut, 63, sector...), []byte{16, 255, 255, 2, 1}, uint8(4), true) // read-only
	f.Add(head(kindOut, 64, sector...), []byte{16, 255, 255, 2, 1}, uint8(4), false)
	f.Add(head(kindIn, 1<<64-1), []byte{16, 255, 255, 2, 1}, uint8(1), false) // sector wraps
	f.Add(head(kindIn, 1<<55), []byte{16, 255, 255, 2, 1}, uint8(1), false)   // offset wraps
	f.Add(head(kindIn, 0), []byte{16, 100, 1}, uint8(1), false)               // part of a sector
	f.Add(head(kindFlush, 0), []byte{16, 1}, uint8(1), false)
	f.Add(head(kindGetID, 0), []byte{16, 20, 1}, uint8(1), false)
	f.Add(head(kindGetID, 0), []byte{16, 3, 4, 200, 1}, uint8(1), false)
	f.Add(head(kindDiscard, 0, ranges(segment{1, 1, 0}, segment{1 << 63, 1 << 31, 0})...), []byte{16, 32, 1}, uint8(2), false)
	f.Add(head(kindDiscard, 0, ranges(segment{1, 1, 1})...), []byte{16, 16, 1}, uint8(2), false)
	f.Add(head(kindDiscard, 0, ranges(segment{1, 1, 0})...), []byte{16, 9, 1}, uint8(2), false) // half a segment
	f.Add(head(kindWriteZeroes, 0, ranges(segment{0, 64, 1})...), []byte{17, 7, 8, 1}, uint8(3), false)
	f.Add(head(kindWriteZeroes, 0, ranges(segment{0, 1<<32 - 1, 0})...), []byte{16, 16, 1}, uint8(2), false)
	f.Add(head(99, 0), []byte{16, 30}, uint8(1), false) // unknown
	f.Add(head(kindIn, 0), []byte{16}, uint8(1), false) // no status
	f.Add([]byte{0, 0, 0}, []byte{3, 1}, uint8(1), false)
	f.Add([]byte{}, []byte{1}, uint8(0), false)

	f.Fuzz(func(t *testing.T, data, cuts []byte, readable uint8, readOnly bool) {
		disk := &memoryDisk{data: make([]byte, 64*512), readOnly: readOnly}
		q := &queue{dev: New(disk, Options{Serial: "fuzz"}), features: allFeatures}
		var in, out []guestmem.Segment
		var st []byte
		writable := 0
		for i, n := range cuts[:min(len(cuts), queueSize)] {
			if n == 0 {
				continue // chains hold no such buffers
			}
			b := make([]byte, n)
			if i < int(readable) {
				data = data[copy(b, data):]
				out = append(out, guestmem.SegmentOf(b))
			} else {
				b[n-1] = byte(untouched)
				writable += len(b)
				in, st = append(in, guestmem.SegmentOf(b)), b[n-1:]
			}
		}
		ch := virtq.MakeChain(0, out, in)
		used := q.serve(&ch)
		if int(used) > writable {
			t.Fatalf("used length %d of %d", used, writable)
		}
		if st != nil && status(st[0]) > statusUnsupported {
			t.Fatalf("status %#x", st[0])
		}
	})
}
