// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"encoding/binary"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// kind is a request's type (virtio 1.2 §5.2.6).
type kind uint32

const (
	kindIn          kind = 0 // read
	kindOut         kind = 1 // write
	kindFlush       kind = 4
	kindGetID       kind = 8
	kindDiscard     kind = 11
	kindWriteZeroes kind = 13
)

// status is the last byte of a request (virtio 1.2 §5.2.6).
type status byte

const (
	statusOK          status = 0
	statusError       status = 1 // VIRTIO_BLK_S_IOERR
	statusUnsupported status = 2
)

// headerSize is the size of type, reserved and sector in bytes.
const headerSize = 16

// request is one request of the driver. Its buffers are guest memory.
type request struct {
	kind   kind
	sector uint64
	out    []guestmem.Segment // data from the driver
	in     []guestmem.Segment // room for data to the driver
	status []byte             // one byte
}

// parse takes a request apart. Descriptors may split it anywhere: the driver owes
// no particular framing (virtio 1.2 §2.7.4.1). It reports false if there is no place
// for a status. A request whose header is cut short is of a kind that is not supported.
//
// The segments of ch are trimmed in place.
func parse(ch *virtq.Chain) (r request, ok bool) {
	w := ch.Writable()
	if len(w) == 0 {
		return r, false
	}
	last := &w[len(w)-1] // not empty: chains hold no such buffers
	var st guestmem.Segment
	*last, st = last.Cut(last.Len() - 1)
	if last.Len() == 0 {
		w = w[:len(w)-1]
	}
	r.status, r.in = st.Bytes(), w

	var head [headerSize]byte
	n, rest := take(head[:], ch.Readable())
	if n < headerSize {
		r.kind = ^kind(0)
		return r, true
	}
	r.kind = kind(binary.LittleEndian.Uint32(head[0:]))
	r.sector = binary.LittleEndian.Uint64(head[8:])
	r.out = rest
	return r, true
}

// take copies the beginning of bufs to dst and returns how much that was, and the
// rest of bufs, which it trims in place.
func take(dst []byte, bufs []guestmem.Segment) (n int, rest []guestmem.Segment) {
	n = guestmem.Gather(dst, bufs)
	for left := n; left > 0; bufs = bufs[1:] {
		if k := bufs[0].Len(); left < k {
			_, bufs[0] = bufs[0].Cut(left)
			break
		} else {
			left -= k
		}
	}
	return n, bufs
}

// segment is one range of a discard or write-zeroes request (virtio 1.2 §5.2.6).
type segment struct {
	sector  uint64
	sectors uint32
	flags   uint32
}

const (
	segmentSize = 16 // bytes
	flagUnmap   = 1 << 0
)

func parseSegment(b *[segmentSize]byte) segment {
	return segment{
		sector:  binary.LittleEndian.Uint64(b[0:]),
		sectors: binary.LittleEndian.Uint32(b[8:]),
		flags:   binary.LittleEndian.Uint32(b[12:]),
	}
}
