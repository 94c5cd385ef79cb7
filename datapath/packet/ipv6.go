// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import (
	"encoding/binary"
	"net/netip"
)

const (
	// IPv6Size is the size of an IPv6 header without extensions, in bytes.
	IPv6Size = 40
	// IPv6FragmentSize is the size of a fragment header, in bytes.
	IPv6FragmentSize = 8
	// MaxExtensions is how many extension headers Parse accepts in a packet. Each
	// of those that RFC 8200 §4.1 recommends, once, makes six.
	MaxExtensions = 8
	// MaxExtensionBytes is how many bytes of extension headers Parse accepts
	// in a packet; RFC 8883 and RFC 9098 describe what longer ones are used for.
	MaxExtensionBytes = 512
)

// IPv6 is a view of an IPv6 header without its extensions (RFC 8200 §3).
type IPv6 [IPv6Size]byte

// IPv6 returns the packet's IPv6 header, nil if it has none.
func (p *Packet) IPv6() *IPv6 {
	if p.kind != NetworkIPv6 {
		return nil
	}
	return (*IPv6)(p.frame[p.network:])
}

// TrafficClass returns DSCP and ECN, 8 bits.
func (h *IPv6) TrafficClass() uint8 { return uint8(binary.BigEndian.Uint16(h[0:]) >> 4) }

// DSCP returns the differentiated services code point, 6 bits (RFC 2474 §3).
func (h *IPv6) DSCP() uint8 { return h.TrafficClass() >> 2 }

// ECN returns the congestion notification bits (RFC 3168 §5).
func (h *IPv6) ECN() uint8 { return h.TrafficClass() & 3 }

// FlowLabel returns the flow label, 20 bits (RFC 6437).
func (h *IPv6) FlowLabel() uint32 { return binary.BigEndian.Uint32(h[0:]) & 0xfffff }

// PayloadLength returns the length that the header states for everything after
// it, in bytes.
func (h *IPv6) PayloadLength() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// NextHeader returns the type of the first header after this one.
func (h *IPv6) NextHeader() uint8 { return h[6] }

// HopLimit returns the hop limit.
func (h *IPv6) HopLimit() uint8 { return h[7] }

// Src returns the source address.
func (h *IPv6) Src() [16]byte { return [16]byte(h[8:24]) }

// Dst returns the destination address.
func (h *IPv6) Dst() [16]byte { return [16]byte(h[24:40]) }

// SrcAddr returns the source address as a netip.Addr.
func (h *IPv6) SrcAddr() netip.Addr { return netip.AddrFrom16(h.Src()) }

// DstAddr returns the destination address as a netip.Addr.
func (h *IPv6) DstAddr() netip.Addr { return netip.AddrFrom16(h.Dst()) }

// SetDSCP sets the code point to the low 6 bits of v and keeps everything else.
func (h *IPv6) SetDSCP(v uint8) {
	w := binary.BigEndian.Uint16(h[0:])
	binary.BigEndian.PutUint16(h[0:], w&0xf03f|uint16(v&0x3f)<<6)
}

// SetHopLimit sets the hop limit.
func (h *IPv6) SetHopLimit(v uint8) { h[7] = v }

// SetSrc sets the source address.
func (h *IPv6) SetSrc(a [16]byte) { *(*[16]byte)(h[8:24]) = a }

// SetDst sets the destination address.
func (h *IPv6) SetDst(a [16]byte) { *(*[16]byte)(h[24:40]) = a }

// IPv6Fragment is a view of a fragment header (RFC 8200 §4.5). The offset that
// Parse has read from it is Packet.FragmentOffset.
type IPv6Fragment [IPv6FragmentSize]byte

// IPv6Fragment returns the packet's fragment header, nil if it has none.
func (p *Packet) IPv6Fragment() *IPv6Fragment {
	if p.fragment == 0 {
		return nil
	}
	return (*IPv6Fragment)(p.frame[p.fragment:])
}

// NextHeader returns the type of the first header of the fragmented part.
func (h *IPv6Fragment) NextHeader() uint8 { return h[0] }

// ID returns the identification, which fragments of a packet share.
func (h *IPv6Fragment) ID() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// SetID sets the identification.
func (h *IPv6Fragment) SetID(id uint32) { binary.BigEndian.PutUint32(h[4:], id) }
