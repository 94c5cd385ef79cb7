// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

const (
	// EthernetSize is the size of an untagged Ethernet header, in bytes.
	EthernetSize = 14
	// VLANSize is the size of a VLAN tag and the type after it, in bytes.
	VLANSize = 4
	// MaxTags is how many VLAN tags Parse accepts: one, or QinQ's two.
	MaxTags = 2
)

// EtherTypes that Parse knows (IEEE 802 Numbers registry).
const (
	EtherTypeIPv4 = 0x0800
	EtherTypeARP  = 0x0806
	EtherTypeVLAN = 0x8100 // IEEE 802.1Q customer tag
	EtherTypeIPv6 = 0x86dd
	EtherTypeQinQ = 0x88a8 // IEEE 802.1ad service tag
)

// MAC is an Ethernet address.
type MAC [6]byte

// Multicast reports whether the address is a group's; broadcast is one too.
func (m MAC) Multicast() bool { return m[0]&1 != 0 }

// Ethernet is a view of an Ethernet header without tags (IEEE 802.3 §3.2).
type Ethernet [EthernetSize]byte

// Ethernet returns the packet's Ethernet header, nil if it has none.
func (p *Packet) Ethernet() *Ethernet {
	if p.flags&HasEthernet == 0 {
		return nil
	}
	return (*Ethernet)(p.frame)
}

// Dst returns the destination address.
func (h *Ethernet) Dst() MAC { return MAC(h[0:6]) }

// Src returns the source address.
func (h *Ethernet) Src() MAC { return MAC(h[6:12]) }

// EtherType returns the type, which is that of a VLAN tag on a tagged frame.
func (h *Ethernet) EtherType() uint16 { return binary.BigEndian.Uint16(h[12:]) }

// SetDst sets the destination address.
func (h *Ethernet) SetDst(m MAC) { *(*MAC)(h[0:6]) = m }

// SetSrc sets the source address.
func (h *Ethernet) SetSrc(m MAC) { *(*MAC)(h[6:12]) = m }

// VLAN is a view of a tag's control information and the type after it (IEEE
// 802.1Q §9.6). The type that announces the tag lies in the header before.
type VLAN [VLANSize]byte

// Tags returns the number of VLAN tags, at most MaxTags.
func (p *Packet) Tags() int { return int(p.tags) }

// VLAN returns tag i, the outermost being 0, nil if there is no such tag.
func (p *Packet) VLAN(i int) *VLAN {
	if uint(i) >= uint(p.tags) {
		return nil
	}
	return (*VLAN)(p.frame[EthernetSize+VLANSize*i:])
}

// ID returns the VLAN identifier, 12 bits; 0 is a priority tag.
func (h *VLAN) ID() uint16 { return binary.BigEndian.Uint16(h[0:]) & 0x0fff }

// Priority returns the priority code point, 0 to 7.
func (h *VLAN) Priority() uint8 { return h[0] >> 5 }

// DropEligible returns the drop eligible indicator.
func (h *VLAN) DropEligible() bool { return h[0]&0x10 != 0 }

// EtherType returns the type of what follows the tag.
func (h *VLAN) EtherType() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// SetID sets the VLAN identifier to the low 12 bits of id.
func (h *VLAN) SetID(id uint16) {
	tci := binary.BigEndian.Uint16(h[0:])
	binary.BigEndian.PutUint16(h[0:], tci&0xf000|id&0x0fff)
}
