// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"

	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
)

// Offsets of checksum fields, in bytes from the transport header's beginning.
const (
	tcpSumAt  = 16
	udpSumAt  = 6
	icmpSumAt = 2
	icmpIDAt  = 4
)

// rewrite translates a packet in direction d as its flow says. The packet's IPv4
// header checksum has been found right, so that an incremental update keeps it
// so; a wrong transport checksum stays wrong (RFC 3022 §4.1).
func (f *flow) rewrite(p *packet.Packet, d Direction, c Checksum) {
	rewriteAddress(p, d, &f.to, f.ip4())
	if h := p.TCP(); h != nil {
		binary.BigEndian.PutUint16(h[2*(d&1):], f.port) // the source port, or the destination port
		updateSum((*[2]byte)(h[tcpSumAt:]), f.l4, c, packet.ProtocolTCP)
	} else if h := p.UDP(); h != nil {
		binary.BigEndian.PutUint16(h[2*(d&1):], f.port)
		updateSum((*[2]byte)(h[udpSumAt:]), f.l4, c, packet.ProtocolUDP)
	} else if h := p.ICMP(); h != nil {
		h.SetID(f.port)
		h.SetChecksum(f.l4.Apply(h.Checksum()))
	}
}

// rewriteAddress sets the source or destination address, and the IPv4 header
// checksum with it.
func rewriteAddress(p *packet.Packet, d Direction, to *[16]byte, ip4 checksum.Delta) {
	if h := p.IPv4(); h != nil {
		h.SetChecksum(ip4.Apply(h.Checksum()))
		if a := binary.BigEndian.Uint32(to[:]); d == Outward {
			h.SetSrc(a)
		} else {
			h.SetDst(a)
		}
		return
	}
	if h := p.IPv6(); h != nil {
		if d == Outward {
			h.SetSrc(*to)
		} else {
			h.SetDst(*to)
		}
	}
}

// updateSum applies a change to a transport checksum.
func updateSum(field *[2]byte, d checksum.Delta, c Checksum, protocol uint8) {
	binary.BigEndian.PutUint16(field[:], updatedSum(binary.BigEndian.Uint16(field[:]), d, c, protocol))
}

func updatedSum(sum uint16, d checksum.Delta, c Checksum, protocol uint8) uint16 {
	if c == Partial {
		return ^d.Apply(^sum) // the field holds a sum, not its complement
	}
	updated := d.Apply(sum)
	if protocol == packet.ProtocolUDP { // as Delta.ApplyUDP does
		if sum == 0 {
			return 0
		}
		if updated == 0 {
			return 0xffff
		}
	}
	return updated
}
