// SPDX-License-Identifier: MIT OR Apache-2.0

// Package packet reads and changes network packets where they lie.
//
// Parse checks a frame once, from the outside in: Ethernet, up to two VLAN
// tags, ARP, IPv4 with options, IPv6 with extension headers, TCP, UDP, ICMP
// and ICMPv6. It fills a Packet, which the caller reuses, with the offsets of
// what it found, or gives the Reason for which the frame should be dropped.
//
// The headers are then seen through views: pointers to arrays of a header's
// fixed size, laid over the frame's own bytes. Their methods read and write at
// constant offsets, so they need no further check and cannot leave the header.
// A view is nil when the packet does not have that header.
//
// Nothing here allocates, computes a checksum, or holds on to a frame longer
// than the Packet does. Fields of several bytes are in network order in the
// frame and plain integers in Go.
//
// A frame may lie in memory that a hostile guest writes to at any time. Every
// length is read exactly once, checked, and kept in the Packet; nothing reads
// it from the frame a second time. A guest that races with us can make values
// nonsensical, but never move an access outside the frame. Since the Packet's
// fields are private, its offsets always fit its frame.
//
// Sources: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 768 (UDP),
// RFC 792 and RFC 4443 (ICMP), RFC 826 (ARP), IEEE 802.3 and 802.1Q.
package packet

// Network says what follows the link layer.
type Network uint8

const (
	// NetworkOther is a frame that Parse does not look into: LLC, LLDP, MPLS.
	NetworkOther Network = iota
	// NetworkARP is ARP for IPv4 over Ethernet.
	NetworkARP
	// NetworkIPv4 is IPv4.
	NetworkIPv4
	// NetworkIPv6 is IPv6.
	NetworkIPv6
)

// Flags are facts about a packet that its handlers branch on, several of them
// testable at once.
type Flags uint16

const (
	// HasEthernet is set by Parse and not by ParseIP.
	HasEthernet Flags = 1 << iota
	// HasPorts is set when the packet is TCP or UDP and its ports are there.
	HasPorts
	// HasTransport is set when the whole header of TCP (with its options),
	// UDP or ICMP is there.
	HasTransport
	// Fragment is set on every fragment, the first one included. An IPv6
	// packet whose fragment header says "all of it" is none (RFC 6946).
	Fragment
	// LaterFragment is set on every fragment but the first: no ports.
	LaterFragment
	// MoreFragments is set on every fragment but the last.
	MoreFragments
	// HasOptions is set by IPv4 options and by IPv6 extension headers.
	HasOptions
	// SourceRoute is set by the IPv4 options LSRR and SSRR, and by an IPv6
	// routing header with segments left: the destination address is then not
	// the last one. RFC 7126 §4.3 and RFC 5095 advise to drop these.
	SourceRoute
	// Quoted is set on a packet found inside an ICMP error.
	Quoted
	// Truncated is set on a quoted packet of which only a part was quoted.
	Truncated
)

// Packet is a frame and where its parts begin. The zero Packet is an empty
// frame. A Packet may be copied; copies share the frame.
type Packet struct {
	frame []byte // as given to Parse, padding included

	// Offsets into frame, in bytes. Headers begin within the first few
	// hundred bytes; the ends need 17 bits, since a 65,535 byte packet may
	// follow a link header.
	end        uint32 // where the network packet ends and padding begins
	payloadEnd uint32 // where the transport payload ends
	network    uint16 // network header
	transport  uint16 // what follows the network header and its extensions
	payload    uint16 // what follows the transport header

	fragment       uint16 // IPv6 fragment header; 0 if there is none
	fragmentOffset uint16 // bytes of the original payload before this one
	etherType      uint16 // type after the last VLAN tag; 0 for ParseIP
	flags          Flags
	kind           Network
	protocol       uint8
	tags           uint8 // VLAN tags
}

// Frame returns the bytes that were parsed, with any padding at the end.
func (p *Packet) Frame() []byte { return p.frame }

// Flags returns the packet's flags.
func (p *Packet) Flags() Flags { return p.flags }

// Network says which network header the packet has.
func (p *Packet) Network() Network { return p.kind }

// EtherType returns the type after the last VLAN tag, or the length of an
// IEEE 802.3 frame if it is below 1536. It is 0 after ParseIP.
func (p *Packet) EtherType() uint16 { return p.etherType }

// Protocol returns the IP protocol of what follows the network header and its
// extensions, one of the Protocol constants or any other number. On a later
// IPv6 fragment it is the type of the first header of the fragmented part.
func (p *Packet) Protocol() uint8 { return p.protocol }

// NetworkOffset returns where in the frame the network header begins, in bytes.
func (p *Packet) NetworkOffset() int { return int(p.network) }

// TransportOffset returns where in the frame that begins which follows the
// network header and its extensions, in bytes.
func (p *Packet) TransportOffset() int { return int(p.transport) }

// NetworkPacket returns the packet from its network header on, without link
// header and padding.
func (p *Packet) NetworkPacket() []byte { return p.frame[p.network:p.end:p.end] }

// TransportSegment returns what follows the network header and its
// extensions, to the end of the network packet.
func (p *Packet) TransportSegment() []byte { return p.frame[p.transport:p.end:p.end] }

// Payload returns what follows the transport header. For UDP it ends where
// the UDP length says. Without HasTransport it is TransportSegment.
func (p *Packet) Payload() []byte { return p.frame[p.payload:p.payloadEnd:p.payloadEnd] }

// Padding returns what follows the network packet in the frame. Ethernet pads
// frames to 60 bytes (IEEE 802.3 §4A.2.3.2.4).
func (p *Packet) Padding() []byte { return p.frame[p.end:] }

// FragmentOffset returns how many bytes of the original payload come before
// this fragment's.
func (p *Packet) FragmentOffset() int { return int(p.fragmentOffset) }

// drop empties p, so that no view of a refused frame can be had, and passes
// the reason on.
func (p *Packet) drop(r Reason) Reason {
	*p = Packet{}
	return r
}
