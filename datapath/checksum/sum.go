// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import "math/bits"

// chunk is the greatest number of bytes that one call of an assembly function
// takes: 32768 words of at most 0xffff, so that all their sums together stay
// below 2³¹ and no 32-bit lane overflows. It is even, so that each chunk starts
// on a word boundary.
const chunk = 64 << 10

// Sum returns the one's-complement sum of b's 16-bit words plus initial, not
// complemented. initial is a sum of bytes that stand in front of b and are even
// in number, such as a pseudo-header (RFC 1071 §1); for an odd number see Combine.
func Sum(b []byte, initial uint16) uint16 {
	// The words are summed in little-endian order, whatever the machine, and only
	// the result is put into network order (RFC 1071 §2(B)): the end-around carry
	// makes a swap of the sum and the sum of swapped words the same.
	acc := uint64(bits.ReverseBytes16(initial))
	switch {
	case len(b) < vectorMin:
		acc = sumWords(b, acc)
	case atOnce(len(b)):
		acc = addCarry(acc, sumAtOnce(b)) // two calls less than sumLong: a sixth of the time of 1500 bytes
	default:
		acc = sumLong(b, acc)
	}
	return bits.ReverseBytes16(Fold(acc))
}

// Checksum returns the complement of Sum(b, initial): what the header's checksum
// field must hold, if that field is zero in b. Over bytes that already contain
// a right checksum it returns 0. A UDP sender writes 0xffff where this is 0,
// because 0 says that there is no checksum (RFC 768).
func Checksum(b []byte, initial uint16) uint16 {
	return ^Sum(b, initial)
}

// Combine returns the sum of two adjoining pieces of data from the sum of each.
// firstLen is the length of the first piece in bytes: after an odd length, the
// second piece's bytes stand in the other half of their words, and its sum is
// swapped (RFC 1071 §2(B)).
func Combine(first uint16, firstLen int, second uint16) uint16 {
	if firstLen&1 != 0 {
		second = bits.ReverseBytes16(second)
	}
	return Fold(uint64(first) + uint64(second))
}

// Fold reduces a wide sum of 16-bit words, in either byte order, to 16 bits by
// adding the carries back in (RFC 1071 §2(C), deferred carries). It returns 0 only
// for 0. The words and carries must have been added without overflow, or with
// the carry out of bit 63 added back in.
func Fold(sum uint64) uint16 {
	// A number plus itself with its halves exchanged has the end-around sum of the
	// halves in its upper half: the lower half does the same addition, and its carry
	// moves up.
	sum += bits.RotateLeft64(sum, 32)
	half := uint32(sum >> 32)
	half += bits.RotateLeft32(half, 16)
	return uint16(half >> 16)
}

// Implementation names what sums long inputs in this process, for records of
// measurements: "avx512vnni", "avx2", "neon" or "portable".
func Implementation() string { return implementation() }
