// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"encoding/binary"
	"math/bits"
)

// Delta is what changed header fields add to a sum: the one's-complement sum of
// ~m + m' over all 16-bit words that change from m to m' (RFC 1624 §3). The zero
// Delta changes nothing.
//
// The changes of a flow are added up once, and each of its packets then costs one
// Apply a checksum. Fields are given as the numbers that they hold in network order.
type Delta uint16

// Add16 adds the change of a 16-bit field, such as a port.
func (d Delta) Add16(from, to uint16) Delta {
	return Delta(Fold(uint64(d) + uint64(^from) + uint64(to)))
}

// Add32 adds the change of a 32-bit field, such as an IPv4 address.
func (d Delta) Add32(from, to uint32) Delta {
	return Delta(Fold(uint64(d) + uint64(^from) + uint64(to)))
}

// Add128 adds the change of a 128-bit field in network order, such as an IPv6
// address.
func (d Delta) Add128(from, to *[16]byte) Delta {
	acc, c := bits.Add64(uint64(d), ^binary.BigEndian.Uint64(from[0:8]), 0)
	acc, c = bits.Add64(acc, ^binary.BigEndian.Uint64(from[8:16]), c)
	acc, c = bits.Add64(acc, binary.BigEndian.Uint64(to[0:8]), c)
	acc, c = bits.Add64(acc, binary.BigEndian.Uint64(to[8:16]), c)
	// All ones plus a carry is a carry again, so it goes round twice.
	acc, c = bits.Add64(acc, 0, c)
	return Delta(Fold(acc + c))
}

// Merge returns the Delta of both changes.
func (d Delta) Merge(e Delta) Delta {
	return Delta(Fold(uint64(d) + uint64(e)))
}

// Invert returns the Delta of the change back, as for the other direction of
// a flow: each ~m + m' is the complement of ~m' + m.
func (d Delta) Invert() Delta { return ^d }

// Swap returns the Delta of the same fields at an odd distance from the start of
// the summed bytes, where the halves of a word change places, as those of a TCP
// option may (RFC 1071 §2(B)).
func (d Delta) Swap() Delta { return Delta(bits.ReverseBytes16(uint16(d))) }

// Apply returns checksum after the change: ~(~HC + ~m + m'), RFC 1624 equation 3.
//
// The result is bit for bit what summing the changed data anew would give, as long
// as checksum was such a result and data other than zero bytes remain, which the
// version of an IP header and the protocol of a pseudo-header see to. A sender that
// wrote 0xffff where 0x0000 was due, or computed it by the withdrawn equation 2 of
// RFC 1141, is answered with either of the two zeros; receivers take both.
func (d Delta) Apply(checksum uint16) uint16 {
	// Two numbers of 16 bits carry once at most: the sum of their halves fits.
	sum := uint32(^checksum) + uint32(d)
	return ^uint16(sum + sum>>16)
}

// ApplyUDP is Apply for a UDP checksum, in which the two zeros differ (RFC 768).
// 0x0000 says that the sender computed none, so it stays 0x0000, whatever
// changed: it must not become a checksum that holds by chance or not at all. A
// checksum that comes out as 0x0000 is sent as 0xffff.
func (d Delta) ApplyUDP(checksum uint16) uint16 {
	if checksum == 0 {
		return 0
	}
	if checksum = d.Apply(checksum); checksum == 0 {
		return 0xffff
	}
	return checksum
}
