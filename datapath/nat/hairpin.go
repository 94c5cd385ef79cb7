// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"

	"arcbox.dev/datapath/packet"
)

// conclude gives a packet that was translated in direction d its verdict.
// Outward to an address of ours it comes in again, with its outer source address
// and port (RFC 4787 REQ-9, RFC 5382 REQ-8).
func (s *Shard) conclude(p *Packet, se *session, d Direction) {
	switch {
	case d == Inward:
		p.Zone = se.zone
		s.pass(p, Deliver)
	case se.hairpin:
		s.turn(p, s.nat.shardInward(se.protocol(), se.remote(), s.forwards))
	default:
		s.pass(p, Send)
	}
}

// turn brings a packet in again, here or by way of another shard.
func (s *Shard) turn(p *Packet, shard int) {
	p.Hairpin = true
	if shard != int(s.number) {
		p.Shard = uint16(shard)
		s.pass(p, Handoff)
		return
	}
	l := &s.turned
	l.out, l.zone = p, zoneHairpin
	if r := s.prepare(l); r != Translated {
		s.drop(p, r)
	} else {
		s.slow(l, Inward) // never turns again
	}
	l.out = nil
	l.packet = packet.Packet{}
	p.Hairpin = p.Verdict == Hold
}

// ShardOf returns the shard that a packet in direction d is to be given to. Any
// goroutine may call it. Packets that no shard would translate go to shard 0.
func (n *NAT) ShardOf(d Direction, p *Packet) int {
	if len(n.shards) == 1 {
		return 0
	}
	var q packet.Packet
	r := packet.Accepted
	if p.Bare {
		r = packet.ParseIP(p.Frame, &q)
	} else {
		r = packet.Parse(p.Frame, &q)
	}
	if r != packet.Accepted {
		return 0
	}
	var k packet.Key
	switch {
	case q.Flags()&packet.LaterFragment != 0:
		// What they need is known to all shards.
		if !q.FragmentKey(0, &k) {
			return 0
		}
		return int(k.Hash(&n.seed) % uint64(len(n.shards)))
	case q.IsICMPError():
		var in packet.Packet
		if q.ParseQuoted(&in) != packet.Accepted || !in.ReverseKey(0, &k) {
			return 0
		}
	case !q.Key(0, &k):
		return 0
	}
	if d == Outward {
		return n.shardOfPort(k.SrcPort())
	}
	return n.shardInward(k.Protocol(), netip.AddrPortFrom(k.DstAddr(), k.DstPort()), n.forwards.Load())
}

// shardInward returns the shard of an inward flow by its destination. That of
// a forward is where its guest's packets go.
func (n *NAT) shardInward(protocol uint8, dst netip.AddrPort, f *forwards) int {
	if len(f.in) > 0 {
		if w, ok := f.in[endpoint(protocol, dst, zoneOutside)]; ok {
			return n.shardOfPort(w.Inside.Port())
		}
	}
	return n.shardOfPort(dst.Port())
}
