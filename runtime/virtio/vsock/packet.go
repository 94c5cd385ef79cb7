// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"encoding/binary"

	"arcbox.dev/datapath/guestmem"
)

// HostCID is the context identifier by which guests know their host (virtio 1.2 §5.10.4).
const HostCID = 2

// featureStream is VIRTIO_VSOCK_F_STREAM (virtio 1.2 §5.10.3).
const featureStream uint64 = 1 << 0

// headerSize is the size of struct virtio_vsock_hdr in bytes (virtio 1.2 §5.10.6).
const headerSize = 44

// typeStream is the socket type VIRTIO_VSOCK_TYPE_STREAM (virtio 1.2 §5.10.6).
const typeStream = 1

// operation says what a packet is for (virtio 1.2 §5.10.6).
type operation uint16

const (
	opRequest       operation = 1
	opResponse      operation = 2
	opReset         operation = 3
	opShutdown      operation = 4
	opData          operation = 5 // VIRTIO_VSOCK_OP_RW
	opCreditUpdate  operation = 6
	opCreditRequest operation = 7
)

// Flags of opShutdown: the sender will not receive, or not send, any more. Once
// said this stays so (virtio 1.2 §5.10.6.5).
const (
	shutReceive uint32 = 1 << 0
	shutSend    uint32 = 1 << 1
	shutBoth           = shutReceive | shutSend
)

// header is struct virtio_vsock_hdr.
type header struct {
	srcCID, dstCID   uint64
	srcPort, dstPort uint32
	length           uint32 // bytes of payload
	socketType       uint16
	op               operation
	flags            uint32
	bufAlloc         uint32 // bytes that the sender has for what it receives
	fwdCount         uint32 // bytes that the sender has passed on, modulo 2^32
}

// readHeader takes a header from the beginning of segs. It reports false if they
// are too short.
func readHeader(h *header, segs []guestmem.Segment) bool {
	var b [headerSize]byte
	// Copied first: the guest may change its memory while it is looked at.
	if guestmem.Gather(b[:], segs) < headerSize {
		return false
	}
	le := binary.LittleEndian
	*h = header{
		srcCID:     le.Uint64(b[0:]),
		dstCID:     le.Uint64(b[8:]),
		srcPort:    le.Uint32(b[16:]),
		dstPort:    le.Uint32(b[20:]),
		length:     le.Uint32(b[24:]),
		socketType: le.Uint16(b[28:]),
		op:         operation(le.Uint16(b[30:])),
		flags:      le.Uint32(b[32:]),
		bufAlloc:   le.Uint32(b[36:]),
		fwdCount:   le.Uint32(b[40:]),
	}
	return true
}

// writeHeader puts a header at the beginning of segs, which have room for it.
func writeHeader(h *header, segs []guestmem.Segment) {
	var b [headerSize]byte
	le := binary.LittleEndian
	le.PutUint64(b[0:], h.srcCID)
	le.PutUint64(b[8:], h.dstCID)
	le.PutUint32(b[16:], h.srcPort)
	le.PutUint32(b[20:], h.dstPort)
	le.PutUint32(b[24:], h.length)
	le.PutUint16(b[28:], h.socketType)
	le.PutUint16(b[30:], uint16(h.op))
	le.PutUint32(b[32:], h.flags)
	le.PutUint32(b[36:], h.bufAlloc)
	le.PutUint32(b[40:], h.fwdCount)
	guestmem.Scatter(segs, b[:])
}

// appendPayload appends to dst what follows the header in segs, at most limit
// bytes of it, and returns how many bytes that is.
func appendPayload(dst, segs []guestmem.Segment, limit int) (_ []guestmem.Segment, n int) {
	return guestmem.AppendPart(dst, segs, headerSize, limit)
}
