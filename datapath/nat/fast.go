// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"
	"math/bits"

	"arcbox.dev/datapath/packet"
)

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

// fastResult says what tryFast made of a packet.
type fastResult uint8

const (
	// fastHit is a packet that was translated.
	fastHit fastResult = iota
	// fastMiss is plain data of a flow that has no entry, or is watched. It
	// cannot change what another flow's entry says.
	fastMiss
	// fastNever is anything else: it may be wrong, or change its session.
	fastNever
)

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
func load32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// places returns where an entry may be. One product spreads both words; the
// factor is secret and odd, so that guests don't know each other's places.
func (s *Shard) places(addresses, rest uint64) (first, second *fastEntry) {
	h := (addresses ^ bits.RotateLeft64(rest, 29)) * s.fastSeed
	return &s.fast[h>>56], &s.fast[h>>48&0xff]
}

// tryFast translates untagged IPv4 without options that isn't a fragment, holds
// TCP without SYN, FIN and RST, or UDP, and belongs to a flow with an entry. It
// asks of the packet all that packet.Parse and the general path do, and has the
// same effects on packet and session.
func (s *Shard) tryFast(p *Packet, zone uint16, d Direction) fastResult {
	b := p.Frame
	if len(b) > packet.MaxFrame {
		return fastNever
	}
	if !p.Bare {
		if len(b) < packet.EthernetSize || binary.BigEndian.Uint16(b[12:]) != packet.EtherTypeIPv4 {
			return fastNever
		}
		b = b[packet.EthernetSize:]
	}
	if len(b) < packet.IPv4Size+packet.UDPSize {
		return fastNever
	}
	h := (*plainHeader)(b)
	first, second := load64(h[0:8]), load64(h[8:16])
	// Version 4, five words of header; neither "more fragments" nor an offset.
	if first&(0xff3f<<48|0xff) != 0x45 {
		return fastNever
	}
	total := int(bits.ReverseBytes16(uint16(first >> 16)))
	if total > len(b) {
		return fastNever
	}
	destination := load32(h[16:20])
	addresses := second>>32 | uint64(destination)<<32
	protocol := uint64(uint8(second >> 8))
	rest := uint64(load32(h[20:24])) | protocol<<32 | uint64(zone)<<40

	var sum *[2]byte
	if protocol == packet.ProtocolTCP {
		if total < packet.IPv4Size+packet.TCPSize {
			return fastNever
		}
		t := (*[packet.TCPSize]byte)(b[packet.IPv4Size:])
		header := int(t[12]>>4) * 4
		if header < packet.TCPSize || header > total-packet.IPv4Size || t[13]&tcpControl != 0 {
			return fastNever
		}
		sum = (*[2]byte)(t[tcpSumAt:])
	} else if protocol == packet.ProtocolUDP {
		n := int(binary.BigEndian.Uint16(h[24:26]))
		if n < packet.UDPSize || n > total-packet.IPv4Size {
			return fastNever
		}
		sum = (*[2]byte)(h[26:28])
	} else {
		return fastNever
	}
	const low = 1<<32 - 1
	if (first&low+first>>32+second&low+second>>32+uint64(destination))%0xffff != 0 { // headerSum
		return fastNever
	}
	e, other := s.places(addresses, rest)
	if e.addresses != addresses || e.rest != rest {
		if e = other; e.addresses != addresses || e.rest != rest {
			return fastMiss
		}
	}
	f := e.flow
	if f.mark&watch != 0 {
		return fastMiss
	}
	f.mark = s.now
	e.used = s.now
	f.rewritePlain(h, sum, d, p.Checksum, uint8(protocol))
	p.Zone = e.zone
	p.Verdict, p.Reason = Send+Verdict(d), Translated
	return fastHit
}

// fastWords returns what an entry compares of a packet, before it is rewritten,
// and whether it is a plain one.
func fastWords(p *packet.Packet, zone uint16) (addresses, rest uint64, ok bool) {
	const odd = packet.HasOptions | packet.Fragment
	if p.Network() != packet.NetworkIPv4 || p.Flags()&odd != 0 || p.Flags()&packet.HasPorts == 0 || p.Tags() != 0 {
		return 0, 0, false
	}
	b := p.NetworkPacket()
	return load64(b[12:20]),
		uint64(load32(b[20:24])) | uint64(p.Protocol())<<32 | uint64(zone)<<40, true
}

// remember gives a flow an entry, if one of its places is empty, can be emptied,
// or was not used in this tick, and every so often if not: with far more flows
// than entries, to replace them all the time would gain nothing.
func (s *Shard) remember(f *flow, addresses, rest uint64, zone uint16) {
	e, other := s.places(addresses, rest)
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
	*e = fastEntry{addresses: addresses, rest: rest, flow: f, used: s.now, zone: zone}
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
