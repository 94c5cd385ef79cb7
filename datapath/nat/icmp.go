// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"

	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
)

// icmpDirection returns the Direction in which messages of a type go: queries
// outward and their replies inward (RFC 5508 §3). Others go nowhere: -1.
func icmpDirection(kind packet.Network, t uint8) int {
	if kind == packet.NetworkIPv6 {
		switch t {
		case packet.ICMPv6Echo:
			return int(Outward)
		case packet.ICMPv6EchoReply:
			return int(Inward)
		}
		return -1
	}
	switch t {
	case packet.ICMPv4Echo, packet.ICMPv4Timestamp:
		return int(Outward)
	case packet.ICMPv4EchoReply, packet.ICMPv4TimestampReply:
		return int(Inward)
	}
	return -1
}

// icmpErrorPasses reports whether errors of a type are translated. Source
// quenches are ignored by all (RFC 6633), and redirects are a matter of the link.
func icmpErrorPasses(kind packet.Network, t uint8) bool {
	if kind == packet.NetworkIPv6 {
		return t >= packet.ICMPv6Unreachable && t <= packet.ICMPv6ParameterProblem
	}
	switch t {
	case packet.ICMPv4Unreachable, packet.ICMPv4TimeExceeded, packet.ICMPv4ParameterProblem:
		return true
	}
	return false
}

// icmpError translates an ICMP error together with the packet that it quotes (RFC
// 5508 REQ-3 to REQ-5). It makes no session, and neither refreshes nor ends one
// (REQ-6).
func (s *Shard) icmpError(l *lane, d Direction) {
	p, q, in := l.out, &l.packet, &s.quoted
	f, se, r := s.errorFlow(l, d)
	if r == Translated {
		change := rewriteQuote(in, f, d).Merge(rewriteErrorAddress(q, f, d))
		h := q.ICMP()
		h.SetChecksum(change.Apply(h.Checksum()))
		s.conclude(p, se, d)
	} else {
		s.drop(p, r)
	}
	*in = packet.Packet{}
}

// errorFlow parses what an error quotes, and returns the flow in whose direction
// the error goes.
func (s *Shard) errorFlow(l *lane, d Direction) (*flow, *session, Reason) {
	p, q, in := l.out, &l.packet, &s.quoted
	if q.Flags()&packet.Fragment != 0 || !icmpErrorPasses(q.Network(), q.ICMP().Type()) {
		return nil, nil, ICMPType
	}
	if p.Checksum == Full && !transportValid(q) {
		return nil, nil, BadChecksum // RFC 5508 REQ-3 (a)
	}
	if r := q.ParseQuoted(in); r != packet.Accepted {
		return nil, nil, Reason(r)
	}
	// RFC 5508 REQ-3 (b): the quoted header is checked, not the rest of it.
	if !headerValid(in) {
		return nil, nil, BadHeaderChecksum
	}
	var k packet.Key
	if !in.ReverseKey(l.zone, &k) {
		return nil, nil, NoSession
	}
	ref, ok := s.find(&k, k.Hash(&s.nat.seed))
	if !ok {
		return nil, nil, NoSession
	}
	// The error is for who sent the quoted packet, which the flow's key ensures
	// for the latter alone. Its own source may be any router on the way.
	src, dst := addresses(q)
	quotedSrc, _ := addresses(in)
	switch {
	case dst != quotedSrc:
		return nil, nil, BadQuote
	case martian(src):
		return nil, nil, Martian
	case d == Inward && !p.Hairpin && s.nat.ours(src):
		return nil, nil, Spoofed
	}
	return s.flow(ref), s.sessions.at(ref >> 1), Translated
}

// rewriteErrorAddress sets the error's own source, outward, to the session's
// outer address, whoever sent it (RFC 5508 REQ-5), or its destination, inward. It
// returns what that changes in the sum of ICMPv6, which covers addresses.
func rewriteErrorAddress(q *packet.Packet, f *flow, d Direction) checksum.Delta {
	if h := q.IPv4(); h != nil {
		from := h.Dst()
		if d == Outward {
			from = h.Src()
		}
		change := checksum.Delta(0).Add32(from, binary.BigEndian.Uint32(f.to[:]))
		rewriteAddress(q, d, &f.to, change)
		return 0
	}
	h := q.IPv6()
	from := h.Dst()
	if d == Outward {
		from = h.Src()
	}
	rewriteAddress(q, d, &f.to, 0)
	return checksum.Delta(0).Add128(&from, &f.to)
}

// rewriteQuote translates a quoted packet, which went against direction d, and
// returns what that changes in the sum over it.
func rewriteQuote(in *packet.Packet, f *flow, d Direction) checksum.Delta {
	side := Inward - d
	var change checksum.Delta
	if h := in.IPv4(); h != nil {
		address, sum := h.Dst(), h.Checksum()
		if side == Outward {
			address = h.Src()
		}
		rewriteAddress(in, side, &f.to, f.ip4())
		change = change.Add32(address, binary.BigEndian.Uint32(f.to[:])).Add16(sum, h.Checksum())
	} else if h := in.IPv6(); h != nil {
		address := h.Dst()
		if side == Outward {
			address = h.Src()
		}
		rewriteAddress(in, side, &f.to, 0)
		change = change.Add128(&address, &f.to)
	}
	return change.Merge(rewriteQuotedTransport(in, f, 2*int(side)))
}

// rewriteQuotedTransport sets the port, at the given offset, or the identifier of
// ICMP, and the checksum if the quote reaches that far.
func rewriteQuotedTransport(in *packet.Packet, f *flow, portAt int) checksum.Delta {
	b, protocol := in.TransportSegment(), in.Protocol()
	sumAt := tcpSumAt
	switch {
	case protocol == packet.ProtocolUDP:
		sumAt = udpSumAt
	case isICMP(protocol):
		portAt, sumAt = icmpIDAt, icmpSumAt
	}
	change := checksum.Delta(0).Add16(binary.BigEndian.Uint16(b[portAt:]), f.port)
	binary.BigEndian.PutUint16(b[portAt:], f.port)
	if len(b) >= sumAt+2 {
		field := (*[2]byte)(b[sumAt:])
		old := binary.BigEndian.Uint16(field[:])
		updateSum(field, f.l4, Full, protocol)
		change = change.Add16(old, binary.BigEndian.Uint16(field[:]))
	}
	return change
}
