// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// IPv4 options that route a packet by its own wishes (RFC 791 §3.1).
const (
	ipv4OptionLSRR = 131
	ipv4OptionSSRR = 137
)

// parseIPv4 checks the IPv4 header at p.network and what follows it.
func (p *Packet) parseIPv4() Reason {
	at := int(p.network)
	b := p.frame[at:]
	if len(b) < IPv4Size {
		return ShortNetwork
	}
	first := b[0]
	if first>>4 != 4 {
		return BadVersion
	}
	header := int(first&0x0f) * 4
	if header < IPv4Size {
		return BadHeaderLength
	}
	if header > len(b) {
		return ShortNetwork
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < header {
		return BadLength
	}
	if total > len(b) {
		if p.flags&Quoted == 0 {
			return LengthOverBuffer
		}
		total = len(b)
		p.flags |= Truncated
	}
	p.kind = NetworkIPv4
	p.protocol = b[9]
	p.opaque(at+header, at+total)

	if header > IPv4Size {
		if r := p.checkIPv4Options(); r != Accepted {
			return r
		}
	}
	const moreFragments, offsetMask = 0x2000, 0x1fff
	if w := binary.BigEndian.Uint16(b[6:]); w&(moreFragments|offsetMask) != 0 {
		offset, more := int(w&offsetMask)*8, w&moreFragments != 0
		if r := p.checkFragment(offset, more, header); r != Accepted {
			return r
		}
	}
	return p.parseTransport()
}

// checkIPv4Options walks the options once.
func (p *Packet) checkIPv4Options() Reason {
	p.flags |= HasOptions
	o := p.IPv4Options()
	for o.Next() {
		if o.Kind() == ipv4OptionLSRR || o.Kind() == ipv4OptionSSRR {
			p.flags |= SourceRoute
		}
	}
	if o.Malformed() {
		return BadOption
	}
	return Accepted
}

// checkFragment notes that the packet is a fragment, whose payload lies from
// p.transport to p.end, and checks what can be known from it alone. Overhead
// is what the reassembled packet's length counts beside the payload, in bytes.
func (p *Packet) checkFragment(offset int, more bool, overhead int) Reason {
	p.fragmentOffset = uint16(offset)
	p.flags |= Fragment
	if more {
		p.flags |= MoreFragments
	}
	if offset > 0 {
		p.flags |= LaterFragment
	}
	n := int(p.end) - int(p.transport)
	if overhead+offset+n > 65535 {
		return BadFragment
	}
	if p.flags&Truncated == 0 && (n == 0 || more && n%8 != 0) {
		return BadFragment
	}
	// Only fragments that begin inside a TCP header can change one that was
	// already looked at; UDP's and ICMP's end where the second may begin.
	if p.protocol == ProtocolTCP && offset > 0 && offset < TCPSize {
		return BadFragment
	}
	return Accepted
}
