// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// UDPSize is the size of a UDP header, in bytes.
const UDPSize = 8

// UDP is a view of a UDP header (RFC 768).
type UDP [UDPSize]byte

// UDP returns the packet's UDP header. It is nil if the packet is not UDP or
// not a first fragment.
func (p *Packet) UDP() *UDP {
	if p.protocol != ProtocolUDP || p.flags&HasTransport == 0 {
		return nil
	}
	return (*UDP)(p.frame[p.transport:])
}

// SrcPort returns the source port.
func (h *UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// DstPort returns the destination port.
func (h *UDP) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Length returns the length that the header states, in bytes, header included.
func (h *UDP) Length() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// Checksum returns the checksum; 0 means none (RFC 768; over IPv6 only within
// the limits of RFC 6936).
func (h *UDP) Checksum() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// SetSrcPort sets the source port.
func (h *UDP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(h[0:], v) }

// SetDstPort sets the destination port.
func (h *UDP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetChecksum sets the checksum. A sum that comes out as 0 is sent as 0xffff
// (RFC 768), which is the caller's to do.
func (h *UDP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[6:], v) }
