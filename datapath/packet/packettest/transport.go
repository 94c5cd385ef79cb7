// SPDX-License-Identifier: MIT OR Apache-2.0

package packettest

import "encoding/binary"

// TCP is a TCP header.
type TCP struct {
	Src, Dst uint16
	Seq, Ack uint32
	Flags    uint8
	Window   uint16
	Options  []byte // padded to 4 bytes
}

func (TCP) protocol() uint8 { return 6 }

func (l TCP) wrap(payload []byte, outer []Layer, _ uint8) []byte {
	options := append([]byte(nil), l.Options...)
	options = Pad(options, (len(options)+3)/4*4)
	b := make([]byte, 20, 20+len(options)+len(payload))
	binary.BigEndian.PutUint16(b[0:], l.Src)
	binary.BigEndian.PutUint16(b[2:], l.Dst)
	binary.BigEndian.PutUint32(b[4:], l.Seq)
	binary.BigEndian.PutUint32(b[8:], l.Ack)
	b[12] = byte(5+len(options)/4) << 4
	b[13] = l.Flags
	binary.BigEndian.PutUint16(b[14:], l.Window)
	b = append(append(b, options...), payload...)
	binary.BigEndian.PutUint16(b[16:], transportSum(b, outer, 6))
	return b
}

// UDP is a UDP header.
type UDP struct {
	Src, Dst   uint16
	NoChecksum bool
}

func (UDP) protocol() uint8 { return 17 }

func (l UDP) wrap(payload []byte, outer []Layer, _ uint8) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b[0:], l.Src)
	binary.BigEndian.PutUint16(b[2:], l.Dst)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	b = append(b, payload...)
	if !l.NoChecksum {
		sum := transportSum(b, outer, 17)
		if sum == 0 {
			sum = 0xffff // 0 says that there is none (RFC 768)
		}
		binary.BigEndian.PutUint16(b[6:], sum)
	}
	return b
}

// ICMP is an ICMP header.
type ICMP struct {
	Type, Code uint8
	ID, Seq    uint16 // or whatever the type has in these four bytes
}

func (ICMP) protocol() uint8 { return 1 }

func (l ICMP) wrap(payload []byte, _ []Layer, _ uint8) []byte {
	b := l.bytes(payload)
	binary.BigEndian.PutUint16(b[2:], Sum(b))
	return b
}

func (l ICMP) bytes(payload []byte) []byte {
	b := []byte{l.Type, l.Code, 0, 0}
	b = binary.BigEndian.AppendUint16(b, l.ID)
	b = binary.BigEndian.AppendUint16(b, l.Seq)
	return append(b, payload...)
}

// ICMPv6 is an ICMPv6 header, whose checksum covers the addresses.
type ICMPv6 ICMP

func (ICMPv6) protocol() uint8 { return 58 }

func (l ICMPv6) wrap(payload []byte, outer []Layer, _ uint8) []byte {
	b := ICMP(l).bytes(payload)
	binary.BigEndian.PutUint16(b[2:], transportSum(b, outer, 58))
	return b
}

// transportSum sums a segment whose checksum field is zero. Without an IP
// layer before it there are no addresses to cover.
func transportSum(b []byte, outer []Layer, protocol uint8) uint16 {
	src, dst, ok := outerAddresses(outer)
	if !ok {
		return Sum(b)
	}
	return Sum(pseudoHeader(src, dst, protocol, len(b)), b)
}
