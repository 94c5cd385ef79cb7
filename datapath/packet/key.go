// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Key names one direction of a flow: addresses, ports, protocol, and a zone
// that keeps apart guests which have the same addresses. It is comparable, 40
// bytes without padding, and made of words so that comparing and hashing take
// five loads. The zero Key names no flow.
//
// For ICMP queries the identifier stands where the asking side has its port,
// and the query's type where the other side has its own. So the key of a reply
// is the Reverse of the key of its query, as with TCP and UDP.
type Key struct {
	src, dst addr
	// Source port (16 bits), destination port (16), zone (16), protocol (8),
	// family (8), from the top.
	rest uint64
}

// addr is an IP address, first byte on top; IPv4 as ::ffff:a.b.c.d (RFC 4291
// §2.5.5.2).
type addr struct{ hi, lo uint64 }

const (
	mappedIPv4 = 0xffff << 32

	// Families in the lowest byte of a Key. A true IPv6 packet with mapped
	// addresses is thereby kept apart from IPv4.
	familyIPv4     = 4
	familyIPv6     = 6
	familyFragment = 0x80 // added to the above in a FragmentKey
)

// SetIPv4 sets k to the key of an IPv4 packet that has ports and is no later
// fragment, for who has read these fields already.
func (k *Key) SetIPv4(protocol uint8, src, dst uint32, srcPort, dstPort, zone uint16) {
	k.src = addr{0, mappedIPv4 | uint64(src)}
	k.dst = addr{0, mappedIPv4 | uint64(dst)}
	k.rest = uint64(srcPort)<<48 | uint64(dstPort)<<32 | uint64(zone)<<16 | uint64(protocol)<<8 | familyIPv4
}

// Equal is ==, written out: gc makes a call of comparing structs of this size.
func (k *Key) Equal(o *Key) bool {
	return (k.src.hi^o.src.hi)|(k.src.lo^o.src.lo)|(k.dst.hi^o.dst.hi)|(k.dst.lo^o.dst.lo)|(k.rest^o.rest) == 0
}

// Key sets k to the packet's flow key in the given zone. There is none, and k
// is zero and the result false, unless the packet is IP and not a later
// fragment; and if it is ICMP, only for queries and their replies (RFC 5508
// §1.1). Protocols without ports, or whose ports are not known here, have ports
// 0. (Keys are filled in place since to return 40 bytes by value costs more
// than to make them.)
func (p *Packet) Key(zone uint16, k *Key) bool {
	ports := p.ports()
	if p.flags&HasPorts == 0 {
		var ok bool
		if ports, ok = p.icmpPorts(); !ok {
			*k = Key{}
			return false
		}
	}
	return p.key(k, uint64(ports)<<32|uint64(zone)<<16|uint64(p.protocol)<<8)
}

// FragmentKey sets k to a key that all fragments of a packet have in common,
// with the identification in place of the ports (RFC 791 §3.2, RFC 8200 §4.5).
// It equals no Key of a flow. There is none, and k is zero and the result
// false, unless the packet is a fragment.
//
// IPv6 does not count the protocol (fragments may differ in it), so it is 0.
func (p *Packet) FragmentKey(zone uint16, k *Key) bool {
	if p.flags&Fragment == 0 {
		*k = Key{}
		return false
	}
	id, protocol := uint64(0), uint64(0)
	if h := p.IPv6Fragment(); h != nil {
		id = uint64(h.ID())
	} else if h := p.IPv4(); h != nil {
		id, protocol = uint64(h.ID()), uint64(p.protocol)
	}
	return p.key(k, id<<32|uint64(zone)<<16|protocol<<8|familyFragment)
}

// key sets k from the addresses and rest, which lacks the family.
func (p *Packet) key(k *Key, rest uint64) bool {
	if h := p.IPv4(); h != nil {
		k.src = addr{0, mappedIPv4 | uint64(h.Src())}
		k.dst = addr{0, mappedIPv4 | uint64(h.Dst())}
		k.rest = rest | familyIPv4
		return true
	}
	if h := p.IPv6(); h != nil {
		k.src = addr{binary.BigEndian.Uint64(h[8:]), binary.BigEndian.Uint64(h[16:])}
		k.dst = addr{binary.BigEndian.Uint64(h[24:]), binary.BigEndian.Uint64(h[32:])}
		k.rest = rest | familyIPv6
		return true
	}
	*k = Key{}
	return false
}

// icmpPorts returns what stands for the ports of a packet that has none.
func (p *Packet) icmpPorts() (ports uint32, ok bool) {
	if p.flags&LaterFragment != 0 {
		return 0, false
	}
	if !p.isICMP() {
		return 0, true
	}
	h := p.ICMP()
	if h == nil {
		return 0, false
	}
	query, reply, ok := icmpQuery(p.kind, h.Type())
	if reply {
		return uint32(query)<<16 | uint32(h.ID()), ok
	}
	return uint32(h.ID())<<16 | uint32(query), ok
}

// Reverse returns the key of the opposite direction. An ICMP error travels
// against the packet that it quotes, so that the reverse of the quoted packet's
// key is the flow in the direction in which the error itself goes.
func (k Key) Reverse() Key {
	src, dst := k.rest>>48, k.rest>>32&0xffff
	return Key{src: k.dst, dst: k.src, rest: dst<<48 | src<<32 | k.rest&0xffffffff}
}

// ReverseKey sets k to the Reverse of the packet's Key, under Key's conditions.
func (p *Packet) ReverseKey(zone uint16, k *Key) bool {
	ok := p.Key(zone, k)
	k.src, k.dst = k.dst, k.src
	src, dst := k.rest>>48, k.rest>>32&0xffff
	k.rest = dst<<48 | src<<32 | k.rest&0xffffffff
	return ok
}

// SrcPort returns the source port.
func (k Key) SrcPort() uint16 { return uint16(k.rest >> 48) }

// DstPort returns the destination port.
func (k Key) DstPort() uint16 { return uint16(k.rest >> 32) }

// Zone returns the zone.
func (k Key) Zone() uint16 { return uint16(k.rest >> 16) }

// Protocol returns the IP protocol.
func (k Key) Protocol() uint8 { return uint8(k.rest >> 8) }

// IsIPv6 reports whether the flow is IPv6.
func (k Key) IsIPv6() bool { return k.rest&0x7f == familyIPv6 }

// SrcAddr returns the source address, the zero Addr for the zero Key.
func (k Key) SrcAddr() netip.Addr { return k.addr(k.src) }

// DstAddr returns the destination address, the zero Addr for the zero Key.
func (k Key) DstAddr() netip.Addr { return k.addr(k.dst) }

func (k Key) addr(a addr) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[0:], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	switch k.rest & 0x7f {
	case familyIPv4:
		return netip.AddrFrom16(b).Unmap()
	case familyIPv6:
		return netip.AddrFrom16(b)
	}
	return netip.Addr{}
}

// MakeKey builds a key from its parts. The zero Key is returned if the
// addresses are not valid or not of one family. IPv6 scope zones are ignored.
func MakeKey(protocol uint8, src, dst netip.AddrPort, zone uint16) Key {
	s, d := src.Addr(), dst.Addr()
	family := uint64(familyIPv6)
	switch {
	case s.Is4() && d.Is4():
		family = familyIPv4
	case !s.Is6() || !d.Is6():
		return Key{}
	}
	return Key{
		src: addrFrom(s.As16()),
		dst: addrFrom(d.As16()),
		rest: uint64(src.Port())<<48 | uint64(dst.Port())<<32 |
			uint64(zone)<<16 | uint64(protocol)<<8 | family,
	}
}

func addrFrom(b [16]byte) addr {
	return addr{binary.BigEndian.Uint64(b[0:]), binary.BigEndian.Uint64(b[8:])}
}

// String writes the key for people to read.
func (k Key) String() string {
	return fmt.Sprintf("protocol %d zone %d %s -> %s", k.Protocol(), k.Zone(),
		netip.AddrPortFrom(k.SrcAddr(), k.SrcPort()),
		netip.AddrPortFrom(k.DstAddr(), k.DstPort()))
}
