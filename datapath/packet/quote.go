// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

// ParseQuoted describes in q the packet that p, an ICMP error, quotes. Both
// share p's frame, so that changes through q are changes inside p's payload.
// Unless it returns Accepted, q is empty. q must not be p.
//
// A quote may end early, but it must hold the whole network header and, if it
// is TCP, UDP or ICMP and no later fragment, 8 bytes of the transport header
// (RFC 792); TCP's ports are then there while TCP() may be nil. For the flow
// that an error belongs to see Key.Reverse.
func (p *Packet) ParseQuoted(q *Packet) Reason {
	h := p.ICMP()
	if h == nil {
		return q.drop(NoQuote)
	}
	kind, t := p.kind, h.Type() // the type is read once
	if !icmpError(kind, t) {
		return q.drop(NoQuote)
	}
	end := int(p.end)
	if n := quotedLength(h, kind, t); n > 0 && n < end-int(p.payload) {
		end = int(p.payload) + n
	}
	if r := q.parseIP(p.frame[:end:end], int(p.payload), Quoted); r != Accepted {
		return r
	}
	if q.kind != kind {
		return q.drop(BadVersion)
	}
	if h := q.ICMP(); h != nil && icmpError(q.kind, h.Type()) {
		return q.drop(QuotedError)
	}
	return Accepted
}

// quotedLength returns how many bytes of the message are the quote, the rest
// being extensions, where the message says so, and otherwise 0 (RFC 4884 §4).
func quotedLength(h *ICMP, kind Network, t uint8) int {
	if kind == NetworkIPv6 {
		switch t {
		case ICMPv6Unreachable, ICMPv6TimeExceeded:
			return int(h[4]) * 8
		}
		return 0
	}
	switch t {
	case ICMPv4Unreachable, ICMPv4TimeExceeded, ICMPv4ParameterProblem:
		return int(h[5]) * 4
	}
	return 0
}
