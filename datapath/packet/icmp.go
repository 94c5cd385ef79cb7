// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// ICMPSize is the size of the header that all messages of ICMP have, in bytes.
// ICMPv6 promises 4 only (RFC 4443 §2.1), but no message is defined that is
// shorter than 8.
const ICMPSize = 8

// ICMP types (RFC 792).
const (
	ICMPv4EchoReply        = 0
	ICMPv4Unreachable      = 3
	ICMPv4SourceQuench     = 4
	ICMPv4Redirect         = 5
	ICMPv4Echo             = 8
	ICMPv4TimeExceeded     = 11
	ICMPv4ParameterProblem = 12
	ICMPv4Timestamp        = 13
	ICMPv4TimestampReply   = 14
)

// ICMPv6 types (RFC 4443).
const (
	ICMPv6Unreachable      = 1
	ICMPv6PacketTooBig     = 2
	ICMPv6TimeExceeded     = 3
	ICMPv6ParameterProblem = 4
	ICMPv6Echo             = 128
	ICMPv6EchoReply        = 129
)

// ICMP is a view of the first bytes of a message of ICMP (RFC 792) or ICMPv6
// (RFC 4443).
type ICMP [ICMPSize]byte

// ICMP returns the packet's ICMP header, over IPv4, or its ICMPv6 header, over
// IPv6. It is nil if the packet has neither or is not a first fragment.
func (p *Packet) ICMP() *ICMP {
	if p.flags&HasTransport == 0 || !p.isICMP() {
		return nil
	}
	return (*ICMP)(p.frame[p.transport:])
}

func (p *Packet) isICMP() bool {
	return p.protocol == ProtocolICMP && p.kind == NetworkIPv4 ||
		p.protocol == ProtocolICMPv6 && p.kind == NetworkIPv6
}

// Type returns the message's type.
func (h *ICMP) Type() uint8 { return h[0] }

// Code returns the message's code.
func (h *ICMP) Code() uint8 { return h[1] }

// Checksum returns the checksum.
func (h *ICMP) Checksum() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// ID returns the identifier of a query or its reply.
func (h *ICMP) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// Seq returns the sequence number of a query or its reply.
func (h *ICMP) Seq() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// Rest returns the last four bytes of the header, whose meaning the type
// decides: an ICMPv6 "packet too big" has the MTU there.
func (h *ICMP) Rest() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// SetChecksum sets the checksum.
func (h *ICMP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetID sets the identifier of a query or its reply.
func (h *ICMP) SetID(v uint16) { binary.BigEndian.PutUint16(h[4:], v) }

// IsICMPError reports whether the packet is an ICMP message that quotes
// another packet (RFC 1122 §3.2.2, RFC 4443 §2.1).
func (p *Packet) IsICMPError() bool {
	h := p.ICMP()
	return h != nil && icmpError(p.kind, h.Type())
}

func icmpError(kind Network, t uint8) bool {
	if kind == NetworkIPv6 {
		return t < 128
	}
	switch t {
	case ICMPv4Unreachable, ICMPv4SourceQuench, ICMPv4Redirect,
		ICMPv4TimeExceeded, ICMPv4ParameterProblem:
		return true
	}
	return false
}

// icmpQuery says whether a type is a query or its reply, and gives the query's
// type for both, so that the two are known to belong together.
func icmpQuery(kind Network, t uint8) (query uint8, reply, ok bool) {
	if kind == NetworkIPv6 {
		switch t {
		case ICMPv6Echo, ICMPv6EchoReply:
			return ICMPv6Echo, t == ICMPv6EchoReply, true
		}
		return 0, false, false
	}
	switch t {
	case ICMPv4Echo, ICMPv4EchoReply:
		return ICMPv4Echo, t == ICMPv4EchoReply, true
	case ICMPv4Timestamp, ICMPv4TimestampReply:
		return ICMPv4Timestamp, t == ICMPv4TimestampReply, true
	}
	return 0, false, false
}
