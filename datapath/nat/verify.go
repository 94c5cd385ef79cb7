// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
)

// headerValid reports whether an IPv4 header's checksum is right; IPv6 has none.
func headerValid(p *packet.Packet) bool {
	if p.Network() != packet.NetworkIPv4 {
		return true
	}
	header := p.Frame()[p.NetworkOffset():p.TransportOffset()]
	if len(header) == packet.IPv4Size {
		return headerSum((*[packet.IPv4Size]byte)(header))%0xffff == 0
	}
	return checksum.Checksum(header, 0) == 0
}

// headerSum adds up an IPv4 header without options, in words of 32 bits. The sum
// of a header with a right checksum is divisible by 0xffff, since 2^16 is
// congruent to 1; it isn't 0, since the version isn't.
func headerSum(h *[packet.IPv4Size]byte) uint64 {
	const low = 1<<32 - 1
	a, b, c := load64(h[0:8]), load64(h[8:16]), load32(h[16:20])
	return a&low + a>>32 + b&low + b>>32 + uint64(c)
}

// transportValid computes the checksum of a packet that is no fragment (RFC 9293
// §3.1, RFC 768, RFC 792, RFC 4443 §2.3). That of UDP over IPv4 may be absent.
func transportValid(p *packet.Packet) bool {
	segment := p.TransportSegment()
	if h := p.UDP(); h != nil {
		if h.Checksum() == 0 {
			return p.Network() == packet.NetworkIPv4
		}
		segment = segment[:packet.UDPSize+len(p.Payload())]
	}
	var initial uint16
	if h := p.IPv4(); h == nil || p.Protocol() != packet.ProtocolICMP {
		initial = checksum.Fold(uint64(addressSum(p)) + uint64(p.Protocol()) + uint64(len(segment)))
	}
	return checksum.Checksum(segment, initial) == 0
}

// addressSum is the sum of both addresses.
func addressSum(p *packet.Packet) uint16 {
	if h := p.IPv4(); h != nil {
		return checksum.Sum(h[12:20], 0)
	}
	if h := p.IPv6(); h != nil {
		return checksum.Sum(h[8:40], 0)
	}
	return 0
}
