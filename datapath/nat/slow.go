// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// slow translates whatever is not plain data of a session that goes on: it makes
// sessions, follows TCP's states, and deals with ICMP and fragments.
func (s *Shard) slow(l *lane, d Direction) {
	p, q := l.out, &l.packet
	var fragmentKey packet.Key // before it is rewritten
	fragment := q.FragmentKey(l.zone, &fragmentKey)
	if p.Checksum == Partial && (fragment || isICMP(q.Protocol())) {
		s.drop(p, PartialChecksum)
		return
	}
	switch {
	case q.Flags()&packet.LaterFragment != 0:
		s.laterFragment(l, &fragmentKey, d)
		return
	case q.IsICMPError():
		s.icmpError(l, d)
		return
	}
	if r := acceptable(l, d); r != Translated {
		s.drop(p, r)
		return
	}
	ref, ok := s.find(&l.key, l.hash)
	if !ok {
		var r Reason
		if ref, r = s.open(l, d); r != Translated {
			s.drop(p, r)
			return
		}
	}
	i := ref >> 1
	se, f := s.sessions.at(i), s.flow(ref)
	f.touch(s.now)
	if q.Protocol() == packet.ProtocolTCP {
		s.track(i, l.tcp, d)
	}
	f.rewrite(q, d, p.Checksum)
	if fragment {
		s.firstFragment(l, &fragmentKey, d, se, f)
	}
	s.conclude(p, se, d)
}

// acceptable reports whether a packet is one that a session can have in this
// direction.
func acceptable(l *lane, d Direction) Reason {
	q := &l.packet
	if h := q.ICMP(); h != nil {
		if icmpDirection(q.Network(), h.Type()) != int(d) {
			return ICMPType
		}
		return Translated
	}
	switch {
	case q.Flags()&packet.HasPorts == 0:
		return UnknownProtocol
	case l.tcp&packet.TCPSyn != 0 && l.tcp&(packet.TCPFin|packet.TCPRst) != 0:
		return BadTCPFlags
	}
	return Translated
}

// open makes a session for a packet that has none.
func (s *Shard) open(l *lane, d Direction) (ref uint32, r Reason) {
	if d == Inward && !l.out.Hairpin && s.nat.ours(l.key.SrcAddr()) {
		return 0, Spoofed
	}
	if martianFlow(&l.key) {
		return 0, Martian
	}
	if d == Inward {
		return s.openInward(l)
	}
	return s.openOutward(l)
}

// verify checks the transport checksum of a packet that is to make a session, if
// it is complete and nobody did so before.
func verify(l *lane) Reason {
	if l.out.Checksum == Full && l.packet.Flags()&packet.Fragment == 0 && !transportValid(&l.packet) {
		return BadChecksum
	}
	return Translated
}

// opensTCP reports whether a packet may make a session, if it is TCP: a SYN of
// the side that opens.
func opensTCP(l *lane) bool {
	return l.key.Protocol() != packet.ProtocolTCP || l.tcp&(packet.TCPSyn|packet.TCPAck) == packet.TCPSyn
}
