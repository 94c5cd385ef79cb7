// SPDX-License-Identifier: MIT OR Apache-2.0

// Package packettest builds packets for tests from their layers, with right
// lengths and checksums, and checks the checksums of packets by computing them
// anew. It shares no code with the parser that it helps to test, and favours
// plainness over speed.
package packettest

import (
	"encoding/binary"
	"net/netip"
)

// Layer is one header of a packet, or its Payload.
type Layer interface {
	// protocol is the number by which the layer before announces this one.
	protocol() uint8
	// wrap puts the layer's header before the payload. Outer are the layers
	// before, the nearest one last; next announces the payload's first layer.
	wrap(payload []byte, outer []Layer, next uint8) []byte
}

// Build returns the packet of the given layers, the outermost first.
func Build(layers ...Layer) []byte {
	var b []byte
	for i := len(layers) - 1; i >= 0; i-- {
		next := uint8(noNext)
		if i+1 < len(layers) {
			next = layers[i+1].protocol()
		}
		b = layers[i].wrap(b, layers[:i], next)
	}
	return b
}

// noNext is the protocol number of "nothing follows" (RFC 8200 §4.7).
const noNext = 59

// Payload is bytes that no layer gives a meaning to.
type Payload []byte

func (Payload) protocol() uint8 { return noNext }

func (l Payload) wrap(payload []byte, _ []Layer, _ uint8) []byte {
	return append(append([]byte(nil), l...), payload...)
}

// Pad returns b with zeros up to n bytes, as Ethernet pads a short frame.
func Pad(b []byte, n int) []byte {
	for len(b) < n {
		b = append(b, 0)
	}
	return b
}

// Sum returns the Internet checksum of the parts, taken as one (RFC 1071).
func Sum(parts ...[]byte) uint16 {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if len(all)%2 == 1 {
		all = append(all, 0)
	}
	sum := 0
	for i := 0; i < len(all); i += 2 {
		sum += int(all[i])<<8 | int(all[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// pseudoHeader returns what a transport checksum covers beside the segment
// (RFC 9293 §3.1, RFC 8200 §8.1).
func pseudoHeader(src, dst netip.Addr, protocol uint8, length int) []byte {
	b := append(src.AsSlice(), dst.AsSlice()...)
	if src.Is4() {
		return append(b, 0, protocol, byte(length>>8), byte(length))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return append(b, 0, 0, 0, protocol)
}

// outerAddresses returns the addresses of the nearest IP layer.
func outerAddresses(outer []Layer) (src, dst netip.Addr, ok bool) {
	for i := len(outer) - 1; i >= 0; i-- {
		switch l := outer[i].(type) {
		case IPv4:
			return l.Src, l.Dst, true
		case IPv6:
			return l.Src, l.Dst, true
		}
	}
	return src, dst, false
}
