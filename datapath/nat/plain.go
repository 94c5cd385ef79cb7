// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"
	"math/bits"

	"arcbox.dev/datapath/packet"
)

// A plainHeader is an IPv4 header without options, and 8 bytes of TCP or UDP.
type plainHeader [packet.IPv4Size + packet.UDPSize]byte

// A plain is a packet that is nearly all of what there is: untagged IPv4 without
// options that isn't a fragment, with TCP without SYN, FIN and RST, or UDP.
type plain struct {
	header    *plainHeader // nil: the packet is another one
	sum       *[2]byte     // its transport checksum
	addresses uint64       // both, as they lie in the packet
	rest      uint64       // both ports as they lie there (32 bits), protocol (8), zone (16)
}

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
func load32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// protocol returns the IP protocol.
func (w *plain) protocol() uint8 { return uint8(w.rest >> 32) }

// key sets k to the packet's flow key.
func (w *plain) key(k *packet.Key) {
	k.SetIPv4(w.protocol(),
		bits.ReverseBytes32(uint32(w.addresses)), bits.ReverseBytes32(uint32(w.addresses>>32)),
		bits.ReverseBytes16(uint16(w.rest)), bits.ReverseBytes16(uint16(w.rest>>16)), uint16(w.rest>>40))
}

// recognize finds out by a few wide loads whether a packet is plain. It asks of it
// all that packet.Parse and prepare do, so that what it takes needs neither.
func recognize(p *Packet, zone uint16) (w plain) {
	b := p.Frame
	if len(b) > packet.MaxFrame {
		return plain{}
	}
	if !p.Bare {
		if len(b) < packet.EthernetSize || binary.BigEndian.Uint16(b[12:]) != packet.EtherTypeIPv4 {
			return plain{}
		}
		b = b[packet.EthernetSize:]
	}
	if len(b) < packet.IPv4Size+packet.UDPSize {
		return plain{}
	}
	h := (*plainHeader)(b)
	first, second := load64(h[0:8]), load64(h[8:16])
	// Version 4, five words of header; neither "more fragments" nor an offset.
	if first&(0xff3f<<48|0xff) != 0x45 {
		return plain{}
	}
	total := int(bits.ReverseBytes16(uint16(first >> 16)))
	if total > len(b) {
		return plain{}
	}
	destination := load32(h[16:20])
	protocol := uint64(uint8(second >> 8))
	w.addresses = second>>32 | uint64(destination)<<32
	w.rest = uint64(load32(h[20:24])) | protocol<<32 | uint64(zone)<<40
	if protocol == packet.ProtocolTCP {
		if total < packet.IPv4Size+packet.TCPSize {
			return plain{}
		}
		t := (*[packet.TCPSize]byte)(b[packet.IPv4Size:])
		header := int(t[12]>>4) * 4
		if header < packet.TCPSize || header > total-packet.IPv4Size || t[13]&tcpControl != 0 {
			return plain{}
		}
		w.sum = (*[2]byte)(t[tcpSumAt:])
	} else if protocol == packet.ProtocolUDP {
		n := int(binary.BigEndian.Uint16(h[24:26]))
		if n < packet.UDPSize || n > total-packet.IPv4Size {
			return plain{}
		}
		w.sum = (*[2]byte)(h[26:28])
	} else {
		return plain{}
	}
	const low = 1<<32 - 1
	if (first&low+first>>32+second&low+second>>32+uint64(destination))%0xffff != 0 { // headerSum
		return plain{}
	}
	w.header = h
	return w
}

// rewritePlain is rewrite for a plain packet: the same work without asking again
// what it is.
func (f *flow) rewritePlain(w plain, d Direction, c Checksum) {
	h := w.header
	binary.BigEndian.PutUint16(h[10:12], f.ip4().Apply(binary.BigEndian.Uint16(h[10:12])))
	if d == Outward {
		copy(h[12:16], f.to[:4])
		binary.BigEndian.PutUint16(h[20:22], f.port)
	} else {
		copy(h[16:20], f.to[:4])
		binary.BigEndian.PutUint16(h[22:24], f.port)
	}
	binary.BigEndian.PutUint16(w.sum[:], updatedSum(binary.BigEndian.Uint16(w.sum[:]), f.l4, c, w.protocol()))
}
