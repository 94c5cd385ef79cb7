// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// lanes is how many packets are looked up together. Each pass over them asks
// early for the memory that the next one reads, so that the waits overlap.
const lanes = 32

// A lane is a packet of a batch that the fast path did not translate.
type lane struct {
	packet packet.Packet
	key    packet.Key
	hash   uint64
	out    *Packet
	zone   uint16 // of the key
	tcp    uint8  // TCP's control bits
	plain  bool   // nothing that needs the slow path, unless its flow does
	found  bool
	ref    uint32
}

// Outbound translates packets from guests, in place and in order, and gives each
// its Verdict.
func (s *Shard) Outbound(batch []Packet) { s.run(batch, Outward) }

// Inbound translates packets from the outside, and those handed on by another
// shard's Outbound, in place and in order, and gives each its Verdict and Zone.
func (s *Shard) Inbound(batch []Packet) { s.run(batch, Inward) }

func (s *Shard) run(batch []Packet, d Direction) {
	for len(batch) > 0 {
		n := min(len(batch), lanes)
		s.translate(batch[:n], d)
		batch = batch[n:]
	}
}

// translate handles up to lanes packets. Slow ones are dealt with in the last
// pass, in their order, and what the passes before have found is checked again
// there. Only the fast path acts in the first pass, and no longer once there was
// a packet that may change its session.
func (s *Shard) translate(batch []Packet, d Direction) {
	n, hits, tried := 0, 0, 0
	fast := s.gate.open(len(batch))
	for i := range batch {
		p := &batch[i]
		zone := p.Zone
		if d == Inward {
			zone = p.outside()
		} else if zone > MaxZone {
			s.drop(p, BadZone)
			continue
		}
		if fast {
			tried++
			r := s.tryFast(p, zone, d)
			if r == fastHit {
				hits++
				continue
			}
			fast = r == fastMiss
		}
		l := &s.lanes[n]
		l.out, l.zone = p, zone
		if r := s.prepare(l); r != Translated {
			s.drop(p, r)
			continue
		}
		n++
	}
	s.gate.note(tried, hits)
	s.counts.fastHits += uint64(hits)
	s.counts.verdicts[Send+Verdict(d)] += uint64(hits)
	if n == 0 {
		return
	}
	s.forwards = s.nat.forwards.Load()
	s.locate(s.lanes[:n])
	for i := range n {
		l := &s.lanes[i]
		if !s.general(l, d) {
			s.slow(l, d)
		}
		l.out = nil
		l.packet = packet.Packet{}
	}
}

// prepare parses a packet and makes its key.
func (s *Shard) prepare(l *lane) Reason {
	p, q := l.out, &l.packet
	var r packet.Reason
	if p.Bare {
		r = packet.ParseIP(p.Frame, q)
	} else {
		r = packet.Parse(p.Frame, q)
	}
	if r != packet.Accepted {
		return Reason(r)
	}
	switch k := q.Network(); {
	case k != packet.NetworkIPv4 && k != packet.NetworkIPv6:
		return NotIP
	case q.Flags()&packet.SourceRoute != 0:
		return SourceRouted
	case !headerValid(q):
		return BadHeaderChecksum
	}
	l.plain, l.found, l.tcp = false, false, 0
	if !q.Key(l.zone, &l.key) {
		return Translated
	}
	switch q.Protocol() {
	case packet.ProtocolTCP:
		if h := q.TCP(); h != nil {
			l.tcp = h.Flags()
		}
		l.plain = l.tcp&tcpControl == 0
	case packet.ProtocolUDP:
		if h := q.UDP(); h != nil && h.Checksum() == 0 && q.Network() == packet.NetworkIPv6 && p.Checksum != Partial {
			return NoUDPChecksum
		}
		l.plain = true
	}
	l.plain = l.plain && q.Flags()&packet.Fragment == 0
	l.hash = l.key.Hash(&s.nat.seed)
	return Translated
}

// locate finds the first candidate of each plain packet. The loads that ask for
// memory early stand in loops of their own: what isn't waiting in the processor's
// window together isn't fetched together.
func (s *Shard) locate(ready []lane) {
	var sink uint64
	if len(ready) > 1 {
		for i := range ready {
			sink ^= s.table.Touch(ready[i].hash)
		}
	}
	for i := range ready {
		l := &ready[i]
		if !l.plain {
			continue
		}
		var ok bool
		if l.ref, ok = s.table.Find(l.hash, &s.cursor); ok {
			l.found = l.ref&mappingRef == 0
		}
	}
	if len(ready) > 1 {
		for i := range ready {
			if l := &ready[i]; l.found {
				// Inward, the guest's zone is read from the outward flow.
				se := s.sessions.at(l.ref >> 1)
				sink ^= uint64(se.flows[l.ref&1].mark ^ se.flows[Outward].mark)
			}
		}
	}
	s.sink = sink
}

// general translates a plain packet of a flow that isn't watched, and reports
// whether it was one.
func (s *Shard) general(l *lane, d Direction) bool {
	if !l.found {
		return false
	}
	f := s.flow(l.ref)
	if f.key != l.key || f.mark&watch != 0 {
		return false
	}
	f.touch(s.now)
	zone := l.zone
	if d == Inward {
		zone = s.sessions.at(l.ref >> 1).flows[Outward].key.Zone()
	}
	if s.gate.rest == 0 {
		if addresses, rest, ok := fastWords(&l.packet, l.zone); ok {
			s.remember(f, addresses, rest, zone)
		}
	}
	f.rewrite(&l.packet, d, l.out.Checksum)
	l.out.Zone = zone
	s.pass(l.out, Send+Verdict(d))
	return true
}
