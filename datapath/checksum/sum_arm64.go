// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build arm64 && !purego && !race

package checksum

// vectorMin is the length in bytes from which NEON is taken.
const vectorMin = 256

// sumLong adds b to acc by NEON, which every arm64 processor that Go runs on has.
func sumLong(b []byte, acc uint64) uint64 { return sumByNEON(b, acc) }

func implementation() string { return "neon" }

// sumByNEON adds b, of any length, to acc.
func sumByNEON(b []byte, acc uint64) uint64 {
	for len(b) >= 64 {
		n := min(len(b), chunk) &^ 63
		acc = addCarry(acc, sumNEON(b[:n]))
		b = b[n:]
	}
	return sumWords(b, acc)
}

// sumNEON returns the sum of b's little-endian words. len(b) is a multiple of 64,
// at least 64 and at most chunk.
//
//go:noescape
func sumNEON(b []byte) uint64
