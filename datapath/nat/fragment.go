// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
)

// A translation is what later fragments need, which have no ports: the first one
// leaves it behind.
type translation struct {
	to      [16]byte // the new address, IPv4 in the first 4 bytes
	ip4     checksum.Delta
	zone    uint16 // the guest's
	hairpin bool   // outward, and then in again
}

// firstFragment tells all shards how the rest of a packet is translated (RFC 4787
// REQ-14). The key is that from before the first fragment was rewritten.
func (s *Shard) firstFragment(l *lane, k *packet.Key, d Direction, se *session, f *flow) {
	t := translation{to: f.to, ip4: f.ip4(), zone: se.zone, hairpin: d == Outward && se.hairpin}
	if !s.nat.fragments.learn(k, s.now, &t, len(l.packet.TransportSegment())) {
		s.counts.reasons[FragmentLimit]++ // the first may go, the rest will not
	}
}

// laterFragment translates a fragment without ports, or has it held until the
// first one has come.
func (s *Shard) laterFragment(l *lane, k *packet.Key, d Direction) {
	p, q := l.out, &l.packet
	t, slot, r := s.nat.fragments.follow(k, s.now, s.number, piece{
		offset: q.FragmentOffset(),
		size:   len(q.TransportSegment()),
		last:   q.Flags()&packet.MoreFragments == 0,
	})
	switch r {
	case Translated:
	case FirstMissing:
		p.Verdict, p.Reason, p.Slot = Hold, r, slot
		s.counts.verdicts[Hold]++
		s.counts.reasons[r]++
		return
	default:
		s.drop(p, r)
		return
	}
	rewriteAddress(q, d, &t.to, t.ip4)
	switch {
	case d == Inward:
		p.Zone = t.zone
		s.pass(p, Deliver)
	case t.hairpin:
		s.turn(p, int(s.number)) // any shard knows the way back in
	default:
		s.pass(p, Send)
	}
}

// Release is a held fragment's slot, free again.
type Release struct {
	Slot uint32
	// Resume means that the first fragment has come: the packet is to be given to
	// the same method again, or to Inbound if it has Hairpin set. Otherwise it is
	// to be dropped.
	Resume bool
}

// Released returns slots that Hold has given out in this shard, and what to do
// with the frames in them: up to len(dst), and how many. It is to be asked after
// Outbound, Inbound and Advance.
func (s *Shard) Released(dst []Release) int {
	return s.nat.fragments.released(s.number, dst)
}
