// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// ARPSize is the size of ARP for IPv4 over Ethernet, in bytes.
const ARPSize = 28

// ARP operations (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

// arpEthernetIPv4 is the fixed beginning of the only kind of ARP accepted:
// hardware type 1, protocol 0x0800, addresses of 6 and 4 bytes.
const arpEthernetIPv4 = 0x0001_0800_0604

// ARP is a view of ARP for IPv4 over Ethernet (RFC 826).
type ARP [ARPSize]byte

// ARP returns the packet's ARP message, nil if it has none.
func (p *Packet) ARP() *ARP {
	if p.kind != NetworkARP {
		return nil
	}
	return (*ARP)(p.frame[p.network:])
}

// Operation returns ARPRequest, ARPReply, or another number.
func (h *ARP) Operation() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// SenderMAC returns the sender's hardware address.
func (h *ARP) SenderMAC() MAC { return MAC(h[8:14]) }

// SenderIP returns the sender's IPv4 address.
func (h *ARP) SenderIP() uint32 { return binary.BigEndian.Uint32(h[14:]) }

// TargetMAC returns the target's hardware address; a request leaves it open.
func (h *ARP) TargetMAC() MAC { return MAC(h[18:24]) }

// TargetIP returns the target's IPv4 address.
func (h *ARP) TargetIP() uint32 { return binary.BigEndian.Uint32(h[24:]) }

// SetOperation sets the operation.
func (h *ARP) SetOperation(op uint16) { binary.BigEndian.PutUint16(h[6:], op) }

// SetSender sets the sender's two addresses.
func (h *ARP) SetSender(m MAC, ip uint32) {
	*(*MAC)(h[8:14]) = m
	binary.BigEndian.PutUint32(h[14:], ip)
}

// SetTarget sets the target's two addresses.
func (h *ARP) SetTarget(m MAC, ip uint32) {
	*(*MAC)(h[18:24]) = m
	binary.BigEndian.PutUint32(h[24:], ip)
}

// parseARP checks the ARP message after the link header.
func (p *Packet) parseARP() Reason {
	b := p.frame[p.network:]
	if len(b) < ARPSize {
		return ShortNetwork
	}
	if binary.BigEndian.Uint64(b)>>16 != arpEthernetIPv4 {
		return BadARP
	}
	p.kind = NetworkARP
	p.opaque(int(p.network)+ARPSize, int(p.network)+ARPSize)
	return Accepted
}
