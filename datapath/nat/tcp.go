// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// tcpBits are what was seen of a TCP connection. Windows and sequence numbers
// aren't tracked.
type tcpBits uint8

const (
	tcpSyn         tcpBits = 1 << iota // SYN outward
	_                                  // SYN inward
	tcpFin                             // FIN outward
	_                                  // FIN inward
	tcpEstablished                     // the opener has acknowledged the other's SYN
	tcpReset                           // RST, and nothing from the inside since
	tcpInward                          // opened from outside
)

const (
	bothSyn = tcpSyn | tcpSyn<<1
	bothFin = tcpFin | tcpFin<<1

	tcpControl = packet.TCPSyn | packet.TCPFin | packet.TCPRst
)

// lasting reports whether the connection has the long timeout of established
// ones (RFC 5382 §5): not before both ends have agreed to it, so that a flood of
// SYN and the answers to it are soon forgotten, and until both have closed it, or
// either has reset it (RFC 7857 §2.2).
func (t tcpBits) lasting() bool {
	return t&tcpEstablished != 0 && t&tcpReset == 0 && t&bothFin != bothFin
}

// watched reports whether a packet without SYN, FIN and RST can change the state.
func (t tcpBits) watched() bool { return t&tcpEstablished == 0 || t&tcpReset != 0 }

// open is the state after a first SYN.
func open(d Direction) tcpBits {
	if d == Inward {
		return tcpSyn<<1 | tcpInward
	}
	return tcpSyn
}

// opener returns where the first SYN went.
func (t tcpBits) opener() Direction {
	if t&tcpInward != 0 {
		return Inward
	}
	return Outward
}

// next returns the state after a packet with the given flags went in direction d.
func (t tcpBits) next(flags uint8, d Direction) tcpBits {
	const synAck = packet.TCPSyn | packet.TCPAck
	switch {
	case flags&packet.TCPRst != 0:
		// The RST may be forged, or late: the session stays for a while, and
		// comes back if the inside goes on (RFC 7857 §2.2).
		return t | tcpReset
	case flags&synAck == packet.TCPSyn:
		// A new connection takes a closed one's place (RFC 6191); whether it may
		// is for the ends to say. Two that cross are one (RFC 5382 REQ-2).
		if t&tcpReset != 0 || t&bothFin == bothFin {
			return open(d)
		}
		return t | tcpSyn<<d
	case flags&packet.TCPSyn != 0:
		return t | tcpSyn<<d
	}
	if flags&packet.TCPFin != 0 {
		t |= tcpFin << d
	}
	if d == Outward {
		t &^= tcpReset
	}
	if t&bothSyn == bothSyn && flags&packet.TCPAck != 0 && d == t.opener() {
		t |= tcpEstablished
	}
	return t
}

// track moves a session's TCP state on.
func (s *Shard) track(i uint32, flags uint8, d Direction) {
	se := s.sessions.at(i)
	t := se.tcp.next(flags, d)
	if t == se.tcp {
		return
	}
	se.tcp = t
	se.watchBoth(t.watched())
	// The new deadline may be nearer than the timer's.
	s.timers.Set(i, s.deadline(se))
}
