// SPDX-License-Identifier: MIT OR Apache-2.0

package packettest

import (
	"encoding/binary"
	"net/netip"
)

// Ethernet is an Ethernet header.
type Ethernet struct {
	Dst, Src [6]byte
	VLANs    []uint16 // tag control information, the outermost first
	Type     uint16   // what follows; 0 to take it from the next layer
}

func (Ethernet) protocol() uint8 { return noNext }

func (l Ethernet) wrap(payload []byte, _ []Layer, next uint8) []byte {
	b := append(l.Dst[:], l.Src[:]...)
	for i, tci := range l.VLANs {
		tpid := uint16(0x8100)
		if i+1 < len(l.VLANs) {
			tpid = 0x88a8
		}
		b = binary.BigEndian.AppendUint16(b, tpid)
		b = binary.BigEndian.AppendUint16(b, tci)
	}
	t := l.Type
	switch {
	case t != 0:
	case next == 4:
		t = 0x0800
	case next == 41:
		t = 0x86dd
	case next == arpLayer:
		t = 0x0806
	}
	b = binary.BigEndian.AppendUint16(b, t)
	return append(b, payload...)
}

// arpLayer announces ARP to Ethernet; the number is reserved among IP's.
const arpLayer = 255

// ARP is ARP for IPv4 over Ethernet.
type ARP struct {
	Operation            uint16
	SenderMAC, TargetMAC [6]byte
	SenderIP, TargetIP   netip.Addr
}

func (ARP) protocol() uint8 { return arpLayer }

func (l ARP) wrap(payload []byte, _ []Layer, _ uint8) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, byte(l.Operation >> 8), byte(l.Operation)}
	b = append(append(b, l.SenderMAC[:]...), l.SenderIP.AsSlice()...)
	b = append(append(b, l.TargetMAC[:]...), l.TargetIP.AsSlice()...)
	return append(b, payload...)
}

// IPv4 is an IPv4 header.
type IPv4 struct {
	Src, Dst netip.Addr
	TTL      uint8 // 0 for 64
	DSCP     uint8
	ID       uint16
	DF, More bool
	Offset   int    // of a fragment, in bytes, a multiple of 8
	Options  []byte // padded to 4 bytes
	Protocol uint8  // 0 to take it from the next layer
}

func (IPv4) protocol() uint8 { return 4 }

func (l IPv4) wrap(payload []byte, _ []Layer, next uint8) []byte {
	options := append([]byte(nil), l.Options...)
	options = Pad(options, (len(options)+3)/4*4)
	b := make([]byte, 20, 20+len(options)+len(payload))
	b[0] = 0x40 | byte(5+len(options)/4)
	b[1] = l.DSCP << 2
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(options)+len(payload)))
	binary.BigEndian.PutUint16(b[4:], l.ID)
	binary.BigEndian.PutUint16(b[6:], uint16(l.Offset/8)|flag(l.DF, 0x4000)|flag(l.More, 0x2000))
	b[8] = orDefault(l.TTL, 64)
	b[9] = orDefault(l.Protocol, next)
	copy(b[12:], l.Src.AsSlice())
	copy(b[16:], l.Dst.AsSlice())
	b = append(b, options...)
	binary.BigEndian.PutUint16(b[10:], Sum(b))
	return append(b, payload...)
}

// IPv6 is an IPv6 header.
type IPv6 struct {
	Src, Dst     netip.Addr
	HopLimit     uint8 // 0 for 64
	TrafficClass uint8
	FlowLabel    uint32
	Next         uint8 // 0 to take it from the next layer
}

func (IPv6) protocol() uint8 { return 41 }

func (l IPv6) wrap(payload []byte, _ []Layer, next uint8) []byte {
	b := make([]byte, 40, 40+len(payload))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(l.TrafficClass)<<20|l.FlowLabel)
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6] = orDefault(l.Next, next)
	b[7] = orDefault(l.HopLimit, 64)
	copy(b[8:], l.Src.AsSlice())
	copy(b[24:], l.Dst.AsSlice())
	return append(b, payload...)
}

// Extension is an IPv6 extension header other than a fragment header.
type Extension struct {
	Type uint8
	Body []byte // after next header and length; padded with PadN
}

func (l Extension) protocol() uint8 { return l.Type }

func (l Extension) wrap(payload []byte, _ []Layer, next uint8) []byte {
	b := append([]byte{next, 0}, l.Body...)
	if n := (8 - len(b)%8) % 8; n == 1 {
		b = append(b, 0)
	} else if n > 1 {
		b = append(b, 1, byte(n-2))
		b = Pad(b, len(b)+n-2)
	}
	b[1] = byte(len(b)/8 - 1)
	if l.Type == 51 { // AH counts words of 4 bytes, less two
		b[1] = byte(len(b)/4 - 2)
	}
	return append(b, payload...)
}

// Fragment is an IPv6 fragment header.
type Fragment struct {
	Offset int // bytes, a multiple of 8
	More   bool
	ID     uint32
	Next   uint8 // 0 to take it from the next layer
}

func (Fragment) protocol() uint8 { return 44 }

func (l Fragment) wrap(payload []byte, _ []Layer, next uint8) []byte {
	b := []byte{orDefault(l.Next, next), 0}
	b = binary.BigEndian.AppendUint16(b, uint16(l.Offset)&^7|flag(l.More, 1))
	b = binary.BigEndian.AppendUint32(b, l.ID)
	return append(b, payload...)
}

func flag(set bool, bit uint16) uint16 {
	if set {
		return bit
	}
	return 0
}

func orDefault(v, other uint8) uint8 {
	if v == 0 {
		return other
	}
	return v
}
