// SPDX-License-Identifier: MIT OR Apache-2.0

// Package checksum is the Internet checksum (RFC 1071) and its incremental
// update (RFC 1624, equation 3).
//
// Three words are kept apart here. A sum is the 16-bit one's-complement sum of
// big-endian words, an odd last byte counting as the high half of a word. A
// checksum is the complement of a sum, and what a header carries. A Delta is what
// changed fields add to a sum.
//
// One's-complement arithmetic has two zeros, 0x0000 and 0xffff, which are equal
// in every comparison that a receiver makes. Adding with end-around carry never
// turns a sum that is not 0x0000 into 0x0000, so a sum is 0x0000 only if every
// byte that went in was zero, and so is the initial sum; anything else congruent
// to zero comes out as 0xffff. A sum is therefore one value, whichever way
// it was computed, and so is a checksum: 0xffff stands in front of nothing but
// zero bytes.
//
// Sums of long inputs are computed by vector instructions where the processor
// has them (AVX-512 VNNI or AVX2 on amd64, NEON on arm64). The build tag purego,
// and the race detector, which does not see what assembly reads, take the
// portable code instead. Nothing here allocates, and nothing reads a byte outside
// the slice that it is given. Bytes that change while they are summed, as those
// of a guest may, give a wrong sum and no other harm.
package checksum
