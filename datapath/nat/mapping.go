// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"

	"arcbox.dev/datapath/flowtable"
	"arcbox.dev/datapath/packet"
)

// A mapping is what the sessions of an inner address and port share: their port
// on the outside, whatever their destinations (RFC 4787 REQ-1, RFC 5382 REQ-1,
// RFC 5508 REQ-1). Its keys are endpoint keys. Where a port is shared and
// a destination is taken, an inner endpoint may have several.
type mapping struct {
	inside, outside packet.Key
	sessions        uint32
	space           *portSpace
}

// maxMappings is how many mappings an inner endpoint has at most; they are one
// chain in the table.
const maxMappings = 8

// endpoint returns a key that names an address and port in a zone. No flow has
// it, since its destination is no address.
func endpoint(protocol uint8, a netip.AddrPort, zone uint16) packet.Key {
	none := netip.IPv6Unspecified()
	if a.Addr().Is4() {
		none = netip.IPv4Unspecified()
	}
	return packet.MakeKey(protocol, a, netip.AddrPortFrom(none, 0), zone)
}

// innerEndpoint is the endpoint of a flow's source.
func innerEndpoint(k *packet.Key) packet.Key {
	return endpoint(k.Protocol(), netip.AddrPortFrom(k.SrcAddr(), k.SrcPort()), k.Zone())
}

// mapOutward returns a mapping for a new outward flow with a port that is free
// for its destination: one of its endpoint's own, or a new one.
func (s *Shard) mapOutward(k *packet.Key, outside netip.Addr, zone uint16) (uint32, Reason) {
	inside := innerEndpoint(k)
	hash := inside.Hash(&s.nat.seed)
	remote := netip.AddrPortFrom(k.DstAddr(), k.DstPort())
	n := 0
	var c flowtable.Cursor
	for ref, ok := s.table.Find(hash, &c); ok; ref, ok = s.table.Next(&c) {
		if ref&mappingRef == 0 {
			continue
		}
		m := s.mappings.at(ref &^ mappingRef)
		if m.inside != inside {
			continue
		}
		n++
		if s.tupleFree(k.Protocol(), remote, m.outer(), zone) {
			return ref &^ mappingRef, Translated
		}
	}
	if n >= maxMappings {
		return noIndex, NoPort
	}
	space := s.space(outside, k.Protocol())
	port, ok := s.allocate(space, &portRequest{
		protocol: k.Protocol(), outside: outside, inner: k.SrcPort(), remote: remote, zone: zone,
	})
	if !ok {
		return noIndex, NoPort
	}
	i := s.mappings.get()
	m := s.mappings.at(i)
	*m = mapping{
		inside:  inside,
		outside: endpoint(k.Protocol(), netip.AddrPortFrom(outside, port), zoneOutside),
		space:   space,
	}
	s.table.Insert(hash, i|mappingRef)
	if s.nat.config.EndpointIndependentFiltering {
		s.table.Insert(m.outside.Hash(&s.nat.seed), i|mappingRef)
	}
	return i, Translated
}

// outer returns the mapping's address and port on the outside.
func (m *mapping) outer() netip.AddrPort {
	return netip.AddrPortFrom(m.outside.SrcAddr(), m.outside.SrcPort())
}

// mappedInward returns the mapping whose port an inward packet is for, if it is
// nobody else's too: which inner endpoint would be meant is then not known.
func (s *Shard) mappedInward(k *packet.Key) (uint32, bool) {
	outside := endpoint(k.Protocol(), netip.AddrPortFrom(k.DstAddr(), k.DstPort()), zoneOutside)
	var c flowtable.Cursor
	hash := outside.Hash(&s.nat.seed)
	for ref, ok := s.table.Find(hash, &c); ok; ref, ok = s.table.Next(&c) {
		if i := ref &^ mappingRef; ref&mappingRef != 0 && s.mappings.at(i).outside == outside {
			return i, !s.mappings.at(i).space.shared(outside.SrcPort())
		}
	}
	return noIndex, false
}

// unmap takes a session off its mapping, which goes with the last of them.
func (s *Shard) unmap(i uint32) {
	if i == noIndex {
		return
	}
	m := s.mappings.at(i)
	if m.sessions--; m.sessions > 0 {
		return
	}
	s.dropMapping(i)
}

func (s *Shard) dropMapping(i uint32) {
	m := s.mappings.at(i)
	s.table.Delete(m.inside.Hash(&s.nat.seed), i|mappingRef)
	if s.nat.config.EndpointIndependentFiltering {
		s.table.Delete(m.outside.Hash(&s.nat.seed), i|mappingRef)
	}
	m.space.release(m.outside.SrcPort())
	*m = mapping{}
	s.mappings.put(i)
}

// space returns the ports of an address of the pool and a protocol, made when
// they are first asked for.
func (s *Shard) space(outside netip.Addr, protocol uint8) *portSpace {
	p := &s.spaces[s.nat.pool[outside]*3+protocolIndex(protocol)]
	if *p == nil {
		*p = newPortSpace(s.layout)
	}
	return *p
}

func protocolIndex(protocol uint8) int {
	switch protocol {
	case packet.ProtocolTCP:
		return 0
	case packet.ProtocolUDP:
		return 1
	}
	return 2
}
