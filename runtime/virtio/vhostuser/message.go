// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
)

// Sizes in bytes (vhost-user, Message Specification).
const (
	headerSize = 12
	// maxConfig is the largest configuration space that can be asked for.
	maxConfig = 256
	// maxPayload is that of the largest message, a whole configuration space.
	maxPayload = configHeaderSize + maxConfig
)

// Bits of a header's flags.
const (
	version       = 1
	versionMask   = 3
	flagReply     = 1 << 2
	flagNeedReply = 1 << 3
)

// header begins each message, in the machine's own byte order like all of it.
type header struct {
	request request
	flags   uint32
	size    uint32 // bytes of payload that follow
}

// needReply tells whether the sender wants to know how it went (vhost-user, REPLY_ACK).
func (h header) needReply() bool { return h.flags&flagNeedReply != 0 }

// isReply tells whether the message answers one that went the other way.
func (h header) isReply() bool { return h.flags&flagReply != 0 }

// parseHeader reads a header. An error means that sender and receiver no longer
// agree on where messages begin, or never did.
func parseHeader(b []byte) (header, error) {
	if len(b) != headerSize {
		return header{}, fmt.Errorf("parsing vhost-user header: %d bytes, want %d", len(b), headerSize)
	}
	h := header{
		request: request(binary.NativeEndian.Uint32(b)),
		flags:   binary.NativeEndian.Uint32(b[4:]),
		size:    binary.NativeEndian.Uint32(b[8:]),
	}
	if v := h.flags & versionMask; v != version {
		return header{}, fmt.Errorf("parsing vhost-user header: version %d, want %d", v, version)
	}
	if h.size > maxPayload {
		return header{}, fmt.Errorf("parsing vhost-user header: payload of %d bytes, at most %d are allowed", h.size, maxPayload)
	}
	return h, nil
}

// appendMessage appends a message to b.
func appendMessage(b []byte, req request, flags uint32, p payload) []byte {
	start := len(b)
	b = binary.NativeEndian.AppendUint32(b, uint32(req))
	b = binary.NativeEndian.AppendUint32(b, flags|version)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = p.append(b)
	binary.NativeEndian.PutUint32(b[start+8:], uint32(len(b)-start-headerSize))
	return b
}
