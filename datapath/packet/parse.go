// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// MaxFrame is the size of the longest frame that Parse accepts, in bytes: the
// longest IPv6 packet that is no jumbogram, behind two VLAN tags.
const MaxFrame = EthernetSize + MaxTags*VLANSize + IPv6Size + 65535

// Parse checks an Ethernet frame and describes it in p, whose former content
// is forgotten. Unless it returns Accepted, p is empty and the frame should be
// dropped. Bytes after the network packet are padding and do no harm. A frame
// of a type that is not known, or of IEEE 802.3 length form, is accepted as
// NetworkOther, all of it payload.
//
// p holds on to frame until it is parsed into again.
func Parse(frame []byte, p *Packet) Reason {
	if len(frame) < EthernetSize {
		return p.drop(ShortLink)
	}
	if len(frame) > MaxFrame {
		return p.drop(TooLong)
	}
	etherType := binary.BigEndian.Uint16(frame[12:])
	at, tags := EthernetSize, 0
	for etherType == EtherTypeVLAN || etherType == EtherTypeQinQ {
		if tags == MaxTags {
			return p.drop(TooManyTags)
		}
		if len(frame)-at < VLANSize {
			return p.drop(ShortLink)
		}
		etherType = binary.BigEndian.Uint16(frame[at+2:])
		at += VLANSize
		tags++
	}
	p.begin(frame, at, HasEthernet)
	p.tags = uint8(tags)
	p.etherType = etherType

	var r Reason
	switch etherType {
	case EtherTypeIPv4:
		r = p.parseIPv4()
	case EtherTypeIPv6:
		r = p.parseIPv6()
	case EtherTypeARP:
		r = p.parseARP()
	default:
		p.opaque(at, len(frame))
	}
	if r != Accepted {
		return p.drop(r)
	}
	return Accepted
}

// ParseIP is Parse for an IP packet without link header, as a TUN device gives
// it. Its first four bits say whether it is IPv4 or IPv6.
func ParseIP(b []byte, p *Packet) Reason {
	if len(b) > MaxFrame {
		return p.drop(TooLong)
	}
	return p.parseIP(b, 0, 0)
}

// parseIP parses the IP packet that begins at offset at.
func (p *Packet) parseIP(frame []byte, at int, flags Flags) Reason {
	if len(frame) <= at {
		return p.drop(ShortNetwork)
	}
	p.begin(frame, at, flags)
	p.tags = 0
	p.etherType = 0

	r := BadVersion
	switch frame[at] >> 4 {
	case 4:
		r = p.parseIPv4()
	case 6:
		r = p.parseIPv6()
	}
	if r != Accepted {
		return p.drop(r)
	}
	return Accepted
}

// begin sets what is known before the network header is read. The fields that
// it leaves alone are set by opaque and the parsers of the network headers.
func (p *Packet) begin(frame []byte, network int, flags Flags) {
	p.frame = frame
	p.network = uint16(network)
	p.flags = flags
	p.kind = NetworkOther
	p.protocol = 0
	p.fragment = 0
	p.fragmentOffset = 0
}

// opaque says that nothing is known about the bytes from transport to end.
func (p *Packet) opaque(transport, end int) {
	p.transport = uint16(transport)
	p.payload = uint16(transport)
	p.end = uint32(end)
	p.payloadEnd = uint32(end)
}
