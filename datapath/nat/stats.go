// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

// counts are a shard's own, written by its goroutine alone.
type counts struct {
	verdicts [Hold + 1]uint64
	reasons  [Reasons]uint64
	created  uint64
	expired  uint64
	fastHits uint64
}

// Stats are what a shard has done and holds.
type Stats struct {
	Sent, Delivered, HandedOff, Held, Dropped uint64 // packets
	// Reasons counts packets that were dropped or held, by Reason.
	Reasons [Reasons]uint64
	// FastHits counts packets that were translated from the fast path's entries.
	FastHits uint64
	// Created and Expired count sessions; those removed with their zone aren't
	// in Expired.
	Created, Expired   uint64
	Sessions, Mappings int
}

// Stats returns the shard's counters. Like all of its methods it is for the
// goroutine that uses the shard.
func (s *Shard) Stats() Stats {
	c := &s.counts
	return Stats{
		Sent: c.verdicts[Send], Delivered: c.verdicts[Deliver], HandedOff: c.verdicts[Handoff],
		Held: c.verdicts[Hold], Dropped: c.verdicts[Drop],
		Reasons: c.reasons, FastHits: c.fastHits,
		Created: c.created, Expired: c.expired,
		Sessions: s.sessions.used, Mappings: s.mappings.used,
	}
}

// drop gives a packet up and counts why.
func (s *Shard) drop(p *Packet, r Reason) {
	p.Verdict, p.Reason = Drop, r
	s.counts.verdicts[Drop]++
	s.counts.reasons[r]++
}

// pass gives a translated packet its verdict.
func (s *Shard) pass(p *Packet, v Verdict) {
	p.Verdict, p.Reason = v, Translated
	s.counts.verdicts[v]++
}
