// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// IP protocols (IANA Protocol Numbers registry).
const (
	ProtocolICMP   = 1
	ProtocolTCP    = 6
	ProtocolUDP    = 17
	ProtocolICMPv6 = 58
)

// quotedSize is how much of a transport header an ICMP error must quote, in
// bytes (RFC 792); it holds the ports, or an ICMP query's identifier.
const quotedSize = 8

// parseTransport checks the transport header at p.transport, if there is one.
func (p *Packet) parseTransport() Reason {
	if p.flags&LaterFragment != 0 {
		return Accepted
	}
	switch p.protocol {
	case ProtocolTCP:
		return p.parseTCP()
	case ProtocolUDP:
		return p.parseUDP()
	case ProtocolICMP, ProtocolICMPv6:
		if !p.isICMP() { // the other family's: any protocol
			return Accepted
		}
		if p.end-uint32(p.transport) < ICMPSize {
			return ShortTransport
		}
		p.flags |= HasTransport
		p.payload = p.transport + ICMPSize
	}
	return Accepted
}

func (p *Packet) parseTCP() Reason {
	b := p.frame[p.transport:p.end]
	if len(b) < TCPSize {
		if p.flags&Truncated == 0 || len(b) < quotedSize {
			return ShortTransport
		}
		p.flags |= HasPorts
		return Accepted
	}
	header := int(b[12]>>4) * 4
	if header < TCPSize {
		return BadHeaderLength
	}
	p.flags |= HasPorts
	if header > len(b) {
		if p.flags&Truncated == 0 {
			return ShortTransport
		}
		return Accepted
	}
	p.flags |= HasTransport
	p.payload = p.transport + uint16(header)
	return Accepted
}

func (p *Packet) parseUDP() Reason {
	b := p.frame[p.transport:p.end]
	if len(b) < UDPSize {
		return ShortTransport
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < UDPSize {
		return BadUDPLength
	}
	if n > len(b) {
		// The rest may be in later fragments, or was not quoted.
		if p.flags&(MoreFragments|Truncated) == 0 {
			return BadUDPLength
		}
		n = len(b)
	}
	p.flags |= HasPorts | HasTransport
	p.payload = p.transport + UDPSize
	p.payloadEnd = uint32(p.transport) + uint32(n)
	return Accepted
}

// SrcPort returns the source port of TCP or UDP, 0 without HasPorts.
func (p *Packet) SrcPort() uint16 { return uint16(p.ports() >> 16) }

// DstPort returns the destination port of TCP or UDP, 0 without HasPorts.
func (p *Packet) DstPort() uint16 { return uint16(p.ports()) }

// ports returns the source port in the upper half and the destination port in
// the lower one, where TCP and UDP both have them.
func (p *Packet) ports() uint32 {
	if p.flags&HasPorts == 0 {
		return 0
	}
	return binary.BigEndian.Uint32(p.frame[p.transport:])
}

// SetSrcPort sets the source port of TCP or UDP. Without HasPorts it does
// nothing.
func (p *Packet) SetSrcPort(v uint16) {
	if p.flags&HasPorts != 0 {
		binary.BigEndian.PutUint16(p.frame[p.transport:], v)
	}
}

// SetDstPort sets the destination port of TCP or UDP. Without HasPorts it does
// nothing.
func (p *Packet) SetDstPort(v uint16) {
	if p.flags&HasPorts != 0 {
		binary.BigEndian.PutUint16(p.frame[p.transport+2:], v)
	}
}
