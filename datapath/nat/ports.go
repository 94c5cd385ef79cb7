// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"math/bits"
	"net/netip"

	"arcbox.dev/datapath/packet"
)

// Ports belong to shards. A port times an odd constant, modulo 2^16, is
// a permutation that scatters neighbours; its upper bits are the shard and the
// rest is the port's place among the shard's ports. The lowest bit of a port
// stays what it was, and with it the parity.
const (
	portFactor  = 0x9e37 // odd, near 2^16 divided by the golden ratio
	portInverse = 0x7787 // portFactor * portInverse = 1 modulo 2^16

	firstUserPort = 1024 // below are the privileged ports (RFC 6335 §6)
)

// portLayout is how a shard's ports are laid out, for all its spaces.
type portLayout struct {
	shift uint   // 16 less the bits of the shard's number
	shard uint16 // the shard's number, shifted to its place
	// Sets of places: what the configuration gives out, and privileged ports.
	user, privileged []uint64
}

func newPortLayout(c *Config, shard int) *portLayout {
	l := &portLayout{shift: shardShift(c.Shards)}
	l.shard = uint16(shard << l.shift)
	words := 1 << l.shift / 64
	l.user, l.privileged = make([]uint64, words), make([]uint64, words)
	for place := range uint32(1 << l.shift) {
		switch p := l.port(place); {
		case p >= c.PortMin && p <= c.PortMax:
			l.user[place/64] |= 1 << (place % 64)
		case p > 0 && p < firstUserPort:
			l.privileged[place/64] |= 1 << (place % 64)
		}
	}
	return l
}

func shardShift(shards int) uint { return 16 - uint(bits.Len(uint(shards-1))) }

// shardOfPort returns the shard that a port belongs to.
func (n *NAT) shardOfPort(port uint16) int { return int(port * portFactor >> n.shift) }

func (l *portLayout) port(place uint32) uint16 {
	return (l.shard | uint16(place)) * portInverse
}

// place returns where a port is, if it is the shard's.
func (l *portLayout) place(port uint16) (place uint32, ok bool) {
	q := port * portFactor
	mask := uint16(1)<<l.shift - 1 // a shift by 16 gives 0, less one: all
	return uint32(q & mask), q&^mask == l.shard
}

// A portSpace is the ports of one outside address and protocol that belong to
// a shard: how many mappings have each.
type portSpace struct {
	layout *portLayout
	used   []uint64 // a bit for each place
	extra  []uint16 // mappings beyond the first; nil while there are none anywhere
}

func newPortSpace(l *portLayout) *portSpace {
	return &portSpace{layout: l, used: make([]uint64, len(l.user))}
}

func bit(set []uint64, place uint32) bool { return set[place/64]>>(place%64)&1 != 0 }

// take notes one more mapping of a port, if it can be counted.
func (p *portSpace) take(place uint32) bool {
	if !bit(p.used, place) {
		p.used[place/64] |= 1 << (place % 64)
		return true
	}
	if p.extra == nil {
		p.extra = make([]uint16, len(p.used)*64)
	}
	if p.extra[place] == ^uint16(0) {
		return false
	}
	p.extra[place]++
	return true
}

// release takes one mapping back.
func (p *portSpace) release(port uint16) {
	place, _ := p.layout.place(port)
	if p.extra != nil && p.extra[place] > 0 {
		p.extra[place]--
		return
	}
	p.used[place/64] &^= 1 << (place % 64)
}

// shared reports whether several mappings have the port.
func (p *portSpace) shared(port uint16) bool {
	place, _ := p.layout.place(port)
	return p.extra != nil && p.extra[place] > 0
}

// portRequest is what a port is wanted for.
type portRequest struct {
	protocol uint8
	outside  netip.Addr
	inner    uint16 // the inner port
	remote   netip.AddrPort
	zone     uint16 // of the inward flow
}

// sharedTries is how many ports that are in use are tried for a destination.
const sharedTries = 64

// allocate finds a port for a mapping: the inner one if it is free (RFC 4787
// REQ-3), a random free one, or, as the last resort, one in use that has no
// session to the same remote end yet (RFC 7857 §3).
func (s *Shard) allocate(space *portSpace, r *portRequest) (port uint16, ok bool) {
	l := space.layout
	sets := [2][]uint64{l.user, nil}
	if r.inner > 0 && r.inner < firstUserPort && !isICMP(r.protocol) {
		sets = [2][]uint64{l.privileged, l.user}
	}
	if place, ok := l.place(r.inner); ok && bit(sets[0], place) && !bit(space.used, place) &&
		!s.forwards.reserves(r.protocol, r.outside, r.inner) {
		return r.inner, space.take(place)
	}
	for _, set := range sets {
		if set == nil {
			continue
		}
		// UDP keeps its parity, if it can be had (RFC 4787 REQ-4).
		if r.protocol == packet.ProtocolUDP {
			if port, ok = s.randomFree(space, set, r, evenPlaces<<(r.inner&1)); ok {
				return port, true
			}
		}
		if port, ok = s.randomFree(space, set, r, allPlaces); ok {
			return port, true
		}
	}
	return s.overload(space, r)
}

const (
	evenPlaces = 0x5555555555555555
	allPlaces  = ^uint64(0)
)

// randomFree takes a free port of set, among the places of every word that mask
// leaves. Where the search begins no guest can foresee (RFC 6056 §3.3.1).
func (s *Shard) randomFree(space *portSpace, set []uint64, r *portRequest, mask uint64) (uint16, bool) {
	random := s.random.Uint64()
	n := uint32(len(set)) // a power of two
	start, turn := uint32(random>>32)%n, int(random%64)
	for i := range n {
		w := (start + i) % n
		free := set[w] &^ space.used[w] & mask
		for free != 0 {
			b := (bits.TrailingZeros64(bits.RotateLeft64(free, -turn)) + turn) % 64
			free &^= 1 << b
			place := w*64 + uint32(b)
			if port := space.layout.port(place); !s.forwards.reserves(r.protocol, r.outside, port) {
				return port, space.take(place)
			}
		}
	}
	return 0, false
}

// overload takes a port of the user's that others have, too.
func (s *Shard) overload(space *portSpace, r *portRequest) (uint16, bool) {
	set := space.layout.user
	n := uint32(len(set))
	start := uint32(s.random.Uint64()>>32) % n
	tries := 0
	for i := range n {
		w := (start + i) % n
		for places := set[w]; places != 0; places &= places - 1 {
			if tries++; tries > sharedTries {
				return 0, false
			}
			place := w*64 + uint32(bits.TrailingZeros64(places))
			port := space.layout.port(place)
			if s.forwards.reserves(r.protocol, r.outside, port) {
				continue
			}
			if s.tupleFree(r.protocol, r.remote, netip.AddrPortFrom(r.outside, port), r.zone) && space.take(place) {
				return port, true
			}
		}
	}
	return 0, false
}

// tupleFree reports whether no session has these ends on the outside.
func (s *Shard) tupleFree(protocol uint8, remote, outer netip.AddrPort, zone uint16) bool {
	k := packet.MakeKey(protocol, remote, outer, zone)
	_, taken := s.find(&k, k.Hash(&s.nat.seed))
	return !taken
}
