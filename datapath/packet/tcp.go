// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import "encoding/binary"

// TCPSize is the size of a TCP header without options, in bytes.
const TCPSize = 20

// TCP control bits (RFC 9293 §3.1).
const (
	TCPFin uint8 = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// TCP option kinds (RFC 9293 §3.2, RFC 7323, RFC 2018).
const (
	TCPOptionMSS           = 2
	TCPOptionWindowScale   = 3
	TCPOptionSACKPermitted = 4
	TCPOptionSACK          = 5
	TCPOptionTimestamps    = 8
)

// TCP is a view of a TCP header without its options (RFC 9293 §3.1).
type TCP [TCPSize]byte

// TCP returns the packet's TCP header. It is nil if the packet is not TCP, is
// not a first fragment, or was quoted without the whole header.
func (p *Packet) TCP() *TCP {
	if p.protocol != ProtocolTCP || p.flags&HasTransport == 0 {
		return nil
	}
	return (*TCP)(p.frame[p.transport:])
}

// TCPOptions returns an iterator over the TCP options, which Parse has not
// checked: see Options.Malformed. It is empty if TCP() is nil.
func (p *Packet) TCPOptions() Options {
	if p.protocol != ProtocolTCP || p.flags&HasTransport == 0 {
		return Options{}
	}
	return Options{rest: p.frame[p.transport+TCPSize : p.payload : p.payload]}
}

// SrcPort returns the source port.
func (h *TCP) SrcPort() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// DstPort returns the destination port.
func (h *TCP) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Seq returns the sequence number.
func (h *TCP) Seq() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// Ack returns the acknowledgment number.
func (h *TCP) Ack() uint32 { return binary.BigEndian.Uint32(h[8:]) }

// Flags returns the control bits.
func (h *TCP) Flags() uint8 { return h[13] }

// Window returns the window, unscaled.
func (h *TCP) Window() uint16 { return binary.BigEndian.Uint16(h[14:]) }

// Checksum returns the checksum.
func (h *TCP) Checksum() uint16 { return binary.BigEndian.Uint16(h[16:]) }

// SetSrcPort sets the source port.
func (h *TCP) SetSrcPort(v uint16) { binary.BigEndian.PutUint16(h[0:], v) }

// SetDstPort sets the destination port.
func (h *TCP) SetDstPort(v uint16) { binary.BigEndian.PutUint16(h[2:], v) }

// SetSeq sets the sequence number.
func (h *TCP) SetSeq(v uint32) { binary.BigEndian.PutUint32(h[4:], v) }

// SetAck sets the acknowledgment number.
func (h *TCP) SetAck(v uint32) { binary.BigEndian.PutUint32(h[8:], v) }

// SetChecksum sets the checksum.
func (h *TCP) SetChecksum(v uint16) { binary.BigEndian.PutUint16(h[16:], v) }
