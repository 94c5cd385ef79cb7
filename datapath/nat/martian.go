// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"

	"arcbox.dev/datapath/packet"
)

// martian reports whether an address can belong to no end of a flow that passes
// through a router: "this network", loopback, link-local (RFC 3927 §2.7, RFC 4291
// §2.5.6), multicast, broadcast and the rest of class E (RFC 6890), and IPv4
// addresses written as IPv6 ones.
func martian(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.Is4In6() {
		return true
	}
	if a.Is4() {
		first := a.As4()[0]
		return first == 0 || first >= 240
	}
	return false
}

// martianFlow reports whether no flow can have this key: an address as above, a
// port of 0, or both ends the same ("land").
func martianFlow(k *packet.Key) bool {
	src, dst := k.SrcAddr(), k.DstAddr()
	if martian(src) || martian(dst) {
		return true
	}
	if isICMP(k.Protocol()) {
		return src == dst
	}
	return k.SrcPort() == 0 || k.DstPort() == 0 || src == dst && k.SrcPort() == k.DstPort()
}

func isICMP(protocol uint8) bool {
	return protocol == packet.ProtocolICMP || protocol == packet.ProtocolICMPv6
}

// addresses returns a packet's source and destination.
func addresses(p *packet.Packet) (src, dst netip.Addr) {
	if h := p.IPv4(); h != nil {
		return h.SrcAddr(), h.DstAddr()
	}
	if h := p.IPv6(); h != nil {
		return h.SrcAddr(), h.DstAddr()
	}
	return src, dst
}
