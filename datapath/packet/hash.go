// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// Seed makes a Key's hash one that outsiders cannot foresee, so that a guest
// cannot choose flows which share a bucket. The zero Seed works, but is known
// to all; tables that guests fill take one from NewSeed.
type Seed struct{ word [6]uint64 }

// NewSeed returns a Seed from the system's random source.
func NewSeed() Seed {
	var b [48]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	var s Seed
	for i := range s.word {
		s.word[i] = binary.LittleEndian.Uint64(b[i*8:])
	}
	return s
}

// Hash returns 64 well mixed bits of the key, any of which may be used. It is
// keyed multiplication and folding, as in wyhash (Wang Yi, "wyhash"); it is not
// cryptographic, and its values should not be shown to guests.
func (k *Key) Hash(s *Seed) uint64 {
	w := &s.word
	h := fold(k.src.hi^w[0]^mixA, k.src.lo^w[1]) ^ fold(k.dst.hi^w[2]^mixB, k.dst.lo^w[3])
	// Ports that follow one another differ in few bits of one factor, which a
	// single product spreads unevenly: a second one mixes it again.
	return fold(fold(h^w[4]^mixA, k.rest^w[5]^mixB)^w[0], mixA)
}

// Odd constants without pattern (fractional parts of the square roots of 2 and
// 3), which keep an IPv4 address's upper half, being zero, from wiping out the
// lower one under the zero Seed.
const (
	mixA = 0x6a09e667f3bcc909
	mixB = 0xbb67ae8584caa73b
)

// fold multiplies to 128 bits and returns the exclusive or of both halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
