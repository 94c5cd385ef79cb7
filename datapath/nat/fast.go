// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "math/bits"

// A fastEntry is a flow of plain IPv4, recognised by two words as they lie in the
// packet.
type fastEntry struct {
	addresses uint64 // both, as loaded
	rest      uint64 // both ports as loaded (32 bits), protocol (8), zone (16); 0 if empty
	flow      *flow
	used      uint32 // the tick of the last hit
	zone      uint16 // the guest's
}

// fastEntries is the number of entries. A flow has two places that it may be at,
// since with one alone a fifth of 128 flows would be without.
const fastEntries = 256

// places returns where an entry may be. One product spreads both words; the
// factor is secret and odd, so that guests don't know each other's places.
func (s *Shard) places(addresses, rest uint64) (first, second *fastEntry) {
	h := (addresses ^ bits.RotateLeft64(rest, 29)) * s.fastSeed
	return &s.fast[h>>56], &s.fast[h>>48&0xff]
}

// tryFast translates a plain packet of a flow with an entry. It has the same
// effects on packet and session as the general path.
func (s *Shard) tryFast(p *Packet, w plain, d Direction) bool {
	e, other := s.places(w.addresses, w.rest)
	if e.addresses != w.addresses || e.rest != w.rest {
		if e = other; e.addresses != w.addresses || e.rest != w.rest {
			return false
		}
	}
	f := e.flow
	if f.mark&watch != 0 {
		return false
	}
	f.mark = s.now
	e.used = s.now
	f.rewritePlain(w, d, p.Checksum)
	p.Zone = e.zone
	p.Verdict, p.Reason = Send+Verdict(d), Translated
	return true
}

// remember gives a flow an entry, if one of its places is empty, can be emptied,
// or was not used in this tick, and every so often if not: with far more flows
// than entries, to replace them all the time would gain nothing.
func (s *Shard) remember(f *flow, w plain, zone uint16) {
	e, other := s.places(w.addresses, w.rest)
	switch {
	case e.rest == 0 || s.moveAway(e):
	case other.rest == 0 || s.moveAway(other):
		e = other
	case e.used != s.now:
	case other.used != s.now:
		e = other
	default:
		if s.crowd++; s.crowd%fastEntries != 0 {
			return
		}
	}
	*e = fastEntry{addresses: w.addresses, rest: w.rest, flow: f, used: s.now, zone: zone}
}

// moveAway moves an entry to its other place, if that is empty (as in cuckoo
// hashing, Pagh and Rodler, ESA 2001, but one step far).
func (s *Shard) moveAway(e *fastEntry) bool {
	to, other := s.places(e.addresses, e.rest)
	if to == e {
		to = other
	}
	if to.rest != 0 {
		return false
	}
	*to = *e
	return true
}

// forget takes a flow's entry away, before its session goes.
func (s *Shard) forget(f *flow) {
	k := &f.key
	if k.IsIPv6() || isICMP(k.Protocol()) {
		return
	}
	src, dst := k.SrcAddr().As4(), k.DstAddr().As4()
	addresses := uint64(load32(src[:])) | uint64(load32(dst[:]))<<32
	ports := uint64(bits.ReverseBytes16(k.SrcPort())) | uint64(bits.ReverseBytes16(k.DstPort()))<<16
	e, other := s.places(addresses, ports|uint64(k.Protocol())<<32|uint64(k.Zone())<<40)
	for _, e := range [...]*fastEntry{e, other} {
		if e.flow == f {
			*e = fastEntry{}
		}
	}
}
