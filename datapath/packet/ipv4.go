// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import (
	"encoding/binary"
	"net/netip"
)

// IPv4Size is the size of an IPv4 header without options, in bytes.
const IPv4Size = 20

// IPv4 is a view of an IPv4 header without its options (RFC 791 §3.1).
// Addresses are integers with the first byte of the address on top.
type IPv4 [IPv4Size]byte

// IPv4 returns the packet's IPv4 header, nil if it has none.
func (p *Packet) IPv4() *IPv4 {
	if p.kind != NetworkIPv4 {
		return nil
	}
	return (*IPv4)(p.frame[p.network:])
}

// IPv4Options returns an iterator over the IPv4 options, which Parse has
// checked; it is empty if there are none.
func (p *Packet) IPv4Options() Options {
	if p.kind != NetworkIPv4 {
		return Options{}
	}
	return Options{rest: p.frame[p.network+IPv4Size : p.transport : p.transport]}
}

// TotalLength returns the length that the header states, in bytes, header
// included. What Parse made of it is len(NetworkPacket()).
func (h *IPv4) TotalLength() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// DSCP returns the differentiated services code point, 6 bits (RFC 2474 §3).
func (h *IPv4) DSCP() uint8 { return h[1] >> 2 }

// ECN returns the congestion notification bits (RFC 3168 §5).
func (h *IPv4) ECN() uint8 { return h[1] & 3 }

// ID returns the identification, which fragments of a packet share.
func (h *IPv4) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// DontFragment returns the DF flag.
func (h *IPv4) DontFragment() bool { return h[6]&0x40 != 0 }

// TTL returns the time to live, in hops.
func (h *IPv4) TTL() uint8 { return h[8] }

// Protocol returns the protocol of what follows.
func (h *IPv4) Protocol() uint8 { return h[9] }

// Checksum returns the header checksum.
func (h *IPv4) Checksum() uint16 { return binary.BigEndian.Uint16(h[10:]) }

// Src returns the source address.
func (h *IPv4) Src() uint32 { return binary.BigEndian.Uint32(h[12:]) }

// Dst returns the destination address.
func (h *IPv4) Dst() uint32 { return binary.BigEndian.Uint32(h[16:]) }

// SrcAddr returns the source address as a netip.Addr.
func (h *IPv4) SrcAddr() netip.Addr { return netip.AddrFrom4([4]byte(h[12:16])) }

// DstAddr returns the destination address as a netip.Addr.
func (h *IPv4) DstAddr() netip.Addr { return netip.AddrFrom4([4]byte(h[16:20])) }

// SetDSCP sets the code point to the low 6 bits of v and keeps the ECN bits.
func (h *IPv4) SetDSCP(v uint8) { h[1] = v<<2 | h[1]&3 }

// SetTTL sets the time to live.
func (h *IPv4) SetTTL(v uint8) { h[8] = v }

// SetChecksum sets the header checksum.
func (h *IPv4) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[10:], v) }

// SetSrc sets the source address.
func (h *IPv4) SetSrc(a uint32) { binary.BigEndian.PutUint32(h[12:], a) }

// SetDst sets the destination address.
func (h *IPv4) SetDst(a uint32) { binary.BigEndian.PutUint32(h[16:], a) }
