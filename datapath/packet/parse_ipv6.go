// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// IPv6 extension headers that are walked through (RFC 8200 §4, RFC 4302 §2).
// Others, ESP among them, count as the packet's protocol.
const (
	extensionHopByHop    = 0
	extensionRouting     = 43
	extensionFragment    = 44
	extensionAuth        = 51
	extensionDestination = 60
)

// parseIPv6 checks the IPv6 header at p.network and what follows it.
func (p *Packet) parseIPv6() Reason {
	at := int(p.network)
	b := p.frame[at:]
	if len(b) < IPv6Size {
		return ShortNetwork
	}
	if b[0]>>4 != 6 {
		return BadVersion
	}
	total := IPv6Size + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		if p.flags&Quoted == 0 {
			return LengthOverBuffer
		}
		total = len(b)
		p.flags |= Truncated
	}
	p.kind = NetworkIPv6
	p.protocol = b[6]
	p.opaque(at+IPv6Size, at+total)

	if isExtension(p.protocol) {
		if r := p.walkExtensions(); r != Accepted {
			return r
		}
	}
	return p.parseTransport()
}

func isExtension(next uint8) bool {
	switch next {
	case extensionHopByHop, extensionRouting, extensionFragment,
		extensionAuth, extensionDestination:
		return true
	}
	return false
}

// walkExtensions moves p.transport and p.protocol past the extension headers.
// A later fragment ends the walk: what it carries begins somewhere inside.
func (p *Packet) walkExtensions() Reason {
	p.flags |= HasOptions
	first := int(p.transport)
	for n := 0; isExtension(p.protocol) && p.flags&LaterFragment == 0; n++ {
		if n == MaxExtensions {
			return TooManyExtensions
		}
		if p.protocol == extensionHopByHop && n > 0 {
			return MisplacedExtension
		}
		b := p.TransportSegment()
		if len(b) < 8 {
			return ShortExtension
		}
		kind, next, units := p.protocol, b[0], int(b[1])
		size := 8 + units*8
		switch kind {
		case extensionFragment:
			size = IPv6FragmentSize // its second byte is reserved
		case extensionAuth:
			size = 8 + units*4 // counts 4-byte words, less two (RFC 4302 §2.2)
		}
		if int(p.transport)-first+size > MaxExtensionBytes {
			return ExtensionsTooLong
		}
		if size > len(b) {
			return ShortExtension
		}
		at := int(p.transport)
		p.protocol = next
		p.opaque(at+size, int(p.end))

		switch kind {
		case extensionHopByHop, extensionDestination:
			if !validIPv6Options(b[2:size]) {
				return BadOption
			}
		case extensionRouting:
			if b[3] != 0 { // segments left (RFC 8200 §4.4)
				p.flags |= SourceRoute
			}
		case extensionFragment:
			if p.fragment != 0 {
				return MisplacedExtension
			}
			p.fragment = uint16(at)
			w := int(binary.BigEndian.Uint16(b[2:]))
			if offset, more := w&^7, w&1 != 0; offset != 0 || more {
				// The reassembled length counts the headers before this
				// one, which is left out (RFC 8200 §4.5).
				if r := p.checkFragment(offset, more, at-first); r != Accepted {
					return r
				}
			}
		}
	}
	return Accepted
}

// validIPv6Options reports whether options fill b exactly: type 0 is a single
// byte, any other has a length byte that counts what follows it (RFC 8200
// §4.2).
func validIPv6Options(b []byte) bool {
	for len(b) > 0 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			return false
		}
		n := 2 + int(b[1])
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}
