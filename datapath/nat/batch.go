// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// lanes is how many packets are looked up together. Each pass over them asks
// early for the memory that the next one reads, so that the waits overlap.
const lanes = 32

// A lane is a packet of a batch that the fast path did not translate.
type lane struct {
	plain  plain         // what it was recognized as, or else
	packet packet.Packet // what it was parsed into
	key    packet.Key
	hash   uint64
	out    *Packet
	zone   uint16   // of the key
	tcp    uint8    // TCP's control bits
	data   bool     // nothing that needs the slow path, unless its flow does
	found  *flow    // the first candidate; nil if there is none
	of     *session // the candidate's
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
		w := recognize(p, zone)
		if fast = fast && w.header != nil; fast {
			tried++
			if s.tryFast(p, w, d) {
				hits++
				continue
			}
		}
		l := &s.lanes[n]
		l.out, l.zone, l.plain, l.found = p, zone, w, nil
		if w.header != nil {
			w.key(&l.key)
			l.hash, l.data = l.key.Hash(&s.nat.seed), true
		} else if r := s.prepare(l); r != Translated {
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
			s.special(l, d)
		}
		l.out, l.plain = nil, plain{}
	}
}

// special takes the slow path with a packet, which for one that was recognized as
// plain has to be parsed first.
func (s *Shard) special(l *lane, d Direction) {
	r := Translated
	if l.plain.header != nil {
		r = s.prepare(l)
	}
	if r != Translated {
		s.drop(l.out, r)
	} else {
		s.slow(l, d)
	}
	l.packet = packet.Packet{}
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
	l.data, l.tcp = false, 0
	if !q.Key(l.zone, &l.key) {
		return Translated
	}
	switch q.Protocol() {
	case packet.ProtocolTCP:
		if h := q.TCP(); h != nil {
			l.tcp = h.Flags()
		}
		l.data = l.tcp&tcpControl == 0
	case packet.ProtocolUDP:
		if h := q.UDP(); h != nil && h.Checksum() == 0 && q.Network() == packet.NetworkIPv6 && p.Checksum != Partial {
			return NoUDPChecksum
		}
		l.data = true
	}
	l.data = l.data && q.Flags()&packet.Fragment == 0
	l.hash = l.key.Hash(&s.nat.seed)
	return Translated
}

// locate finds the first candidate of each packet of data. The loads that ask for
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
		if !l.data {
			continue
		}
		if ref, ok := s.table.Find(l.hash, &s.cursor); ok && ref&mappingRef == 0 {
			l.of = s.sessions.at(ref >> 1)
			l.found = &l.of.flows[ref&1]
		}
	}
	if len(ready) > 1 {
		for i := range ready {
			if l := &ready[i]; l.found != nil {
				// Inward, the guest's zone is read from the outward flow.
				sink ^= uint64(l.found.mark ^ l.of.flows[Outward].mark)
			}
		}
	}
	s.sink = sink
}

// general translates a packet of data of a flow that isn't watched, and reports
// whether it was one.
func (s *Shard) general(l *lane, d Direction) bool {
	f := l.found
	if f == nil || !f.key.Equal(&l.key) || f.mark&watch != 0 {
		return false
	}
	f.touch(s.now)
	zone := l.zone
	if d == Inward {
		zone = l.of.flows[Outward].key.Zone()
	}
	if l.plain.header == nil {
		f.rewrite(&l.packet, d, l.out.Checksum)
		l.packet = packet.Packet{}
	} else {
		if s.gate.rest == 0 {
			s.remember(f, l.plain, zone)
		}
		f.rewritePlain(l.plain, d, l.out.Checksum)
	}
	l.out.Zone = zone
	s.pass(l.out, Send+Verdict(d))
	return true
}
