// SPDX-License-Identifier: MIT OR Apache-2.0

package packettest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// ErrMalformed is what VerifyIP returns for a packet whose lengths it cannot
// follow.
var ErrMalformed = errors.New("malformed packet")

// VerifyIP computes all checksums of an IP packet anew and says which one is
// wrong: IPv4's header, and TCP, UDP, ICMP or ICMPv6 unless the packet is a
// fragment. It follows IPv6's hop-by-hop, destination and routing headers. A
// UDP checksum of 0 is right over IPv4 and wrong over IPv6.
func VerifyIP(b []byte) error {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return verifyIPv4(b)
	case len(b) >= 40 && b[0]>>4 == 6:
		return verifyIPv6(b)
	}
	return ErrMalformed
}

func verifyIPv4(b []byte) error {
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < 20 || header > total || total > len(b) {
		return ErrMalformed
	}
	if Sum(b[:header]) != 0 {
		return errors.New("wrong IPv4 header checksum")
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
		return nil
	}
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	return verifyTransport(src, dst, b[9], b[header:total])
}

func verifyIPv6(b []byte) error {
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return ErrMalformed
	}
	src, _ := netip.AddrFromSlice(b[8:24])
	dst, _ := netip.AddrFromSlice(b[24:40])
	next, rest := b[6], b[40:total]
	for next == 0 || next == 43 || next == 60 {
		if len(rest) < 8 || len(rest) < 8+int(rest[1])*8 {
			return ErrMalformed
		}
		next, rest = rest[0], rest[8+int(rest[1])*8:]
	}
	return verifyTransport(src, dst, next, rest)
}

func verifyTransport(src, dst netip.Addr, protocol uint8, b []byte) error {
	pseudo := pseudoHeader(src, dst, protocol, len(b))
	switch {
	case protocol == 1 && src.Is4():
		pseudo = nil
	case protocol == 58 && src.Is6(), protocol == 6:
	case protocol == 17:
		if len(b) < 8 {
			return ErrMalformed
		}
		n := int(binary.BigEndian.Uint16(b[4:]))
		if n < 8 || n > len(b) {
			return ErrMalformed
		}
		if binary.BigEndian.Uint16(b[6:]) == 0 && src.Is4() {
			return nil
		}
		if binary.BigEndian.Uint16(b[6:]) == 0 {
			return errors.New("no UDP checksum over IPv6")
		}
		b = b[:n]
		pseudo = pseudoHeader(src, dst, protocol, n)
	default:
		return nil
	}
	if Sum(pseudo, b) != 0 {
		return fmt.Errorf("wrong checksum of protocol %d", protocol)
	}
	return nil
}
