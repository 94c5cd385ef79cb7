// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"

	"arcbox.dev/datapath/packet"
)

// openOutward makes the session of a guest's packet.
func (s *Shard) openOutward(l *lane) (ref uint32, r Reason) {
	k := &l.key
	if !opensTCP(l) {
		return 0, NoSession
	}
	outside := s.nat.outsideOf(l.zone, k.SrcAddr())
	if !outside.IsValid() {
		return 0, NoAddress
	}
	zone := uint16(zoneOutside)
	if s.nat.ours(k.DstAddr()) {
		if isICMP(k.Protocol()) {
			return 0, Unsolicited // no mapping lets queries in
		}
		zone = zoneHairpin
	}
	if r := verify(l); r != Translated {
		return 0, r
	}
	if r := s.nat.limits.admit(l.zone); r != Translated {
		return 0, r
	}
	m := noIndex
	remote := netip.AddrPortFrom(k.DstAddr(), k.DstPort())
	outer, forwarded := s.forwards.outward(k)
	if !forwarded || outer.Addr() != outside || !s.tupleFree(k.Protocol(), remote, outer, zone) {
		if m, r = s.mapOutward(k, outside, zone); r != Translated {
			s.nat.limits.leave(l.zone)
			return 0, r
		}
		outer = s.mappings.at(m).outer()
		s.mappings.at(m).sessions++
	}
	i := s.create(*k, packet.MakeKey(k.Protocol(), remote, outer, zone), m, Outward)
	return flowRef(i, Outward), Translated
}

// openInward makes the session of a packet from outside, if somebody on the
// inside is reachable at its destination.
func (s *Shard) openInward(l *lane) (ref uint32, r Reason) {
	k := &l.key
	if isICMP(k.Protocol()) || !opensTCP(l) {
		return 0, Unsolicited
	}
	remote := netip.AddrPortFrom(k.SrcAddr(), k.SrcPort())
	m := noIndex
	var inside packet.Key
	if w, ok := s.forwards.inward(k); ok {
		inside = packet.MakeKey(k.Protocol(), w.Inside, remote, w.Zone)
	} else if m, ok = s.openMapping(k); ok {
		e := &s.mappings.at(m).inside
		inside = packet.MakeKey(k.Protocol(), netip.AddrPortFrom(e.SrcAddr(), e.SrcPort()), remote, e.Zone())
	} else {
		return 0, Unsolicited
	}
	if r := verify(l); r != Translated {
		return 0, r
	}
	if martianFlow(&inside) {
		return 0, Martian
	}
	if _, taken := s.find(&inside, inside.Hash(&s.nat.seed)); taken {
		return 0, Clash
	}
	if r := s.nat.limits.admit(inside.Zone()); r != Translated {
		return 0, r
	}
	if m != noIndex {
		s.mappings.at(m).sessions++
	}
	return flowRef(s.create(inside, *k, m, Inward), Inward), Translated
}

// openMapping returns the mapping that a packet is for, where mappings are open
// to all.
func (s *Shard) openMapping(k *packet.Key) (uint32, bool) {
	if !s.nat.config.EndpointIndependentFiltering {
		return noIndex, false
	}
	return s.mappedInward(k)
}

// create makes a session of two keys, as they come from inside and from outside,
// with a first packet in direction d.
func (s *Shard) create(inside, outside packet.Key, m uint32, d Direction) uint32 {
	i := s.sessions.get()
	se := s.sessions.at(i)
	*se = session{mapping: m, zone: inside.Zone(), hairpin: outside.Zone() == zoneHairpin}
	inner := netip.AddrPortFrom(inside.SrcAddr(), inside.SrcPort())
	outer := netip.AddrPortFrom(outside.DstAddr(), outside.DstPort())
	se.flows[Outward].set(inside, inner, outer)
	se.flows[Inward].set(outside, outer, inner)
	isTCP := inside.Protocol() == packet.ProtocolTCP
	if isTCP {
		se.tcp = open(d)
	}
	se.watchBoth(isTCP)
	se.flows[d].touch(s.now)
	s.index(i)
	s.link(i)
	if n := int(i) + 1; n > s.timerRoom {
		s.timerRoom = len(s.sessions.chunks) * chunkSize
		s.timers.Grow(s.timerRoom)
	}
	s.timers.Set(i, s.deadline(se))
	s.counts.created++
	return i
}

// remove forgets a session.
func (s *Shard) remove(i uint32) {
	se := s.sessions.at(i)
	for d := range se.flows {
		s.forget(&se.flows[d])
	}
	s.unindex(i)
	s.timers.Stop(i)
	s.unlink(i)
	s.unmap(se.mapping)
	s.nat.limits.leave(se.zone)
	*se = session{}
	s.sessions.put(i)
}
