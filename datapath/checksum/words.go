// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"encoding/binary"
	"math/bits"
)

// sumWords adds the little-endian words of b to acc, with 64-bit additions and
// end-around carry, and returns a sum to be folded: 2⁶⁴-1 is a multiple of
// 2¹⁶-1, so wide words can be added in place of narrow ones (RFC 1071 §2(C)).
//
// It is the portable implementation, and the fastest one for short inputs.
func sumWords(b []byte, acc uint64) uint64 {
	if len(b) < 8 {
		return addCarry(acc, lastBytes(b))
	}
	// The last one to seven bytes are the high end of the last eight, which are
	// all inside b; what was counted already is shifted out. They begin at
	// a multiple of eight from the start, so halves of words keep their places. A
	// shift by 64 gives 0.
	rest := uint(len(b)) & 7
	tail := binary.LittleEndian.Uint64(b[len(b)-8:]) >> (64 - 8*rest)

	// Two chains of additions with carry that do not wait for one another.
	if len(b) >= 128 {
		var other uint64
		for len(b) >= 128 {
			acc = add64(acc, (*[64]byte)(b))
			other = add64(other, (*[64]byte)(b[64:]))
			b = b[128:]
		}
		acc = addCarry(acc, other)
	}
	if len(b) >= 64 {
		acc = add64(acc, (*[64]byte)(b))
		b = b[64:]
	}
	var c, c2 uint64
	if len(b) >= 32 {
		p := (*[32]byte)(b)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[0:8]), 0)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[8:16]), c)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[16:24]), c)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[24:32]), c)
		acc, c = bits.Add64(acc, 0, c)
		acc += c
		b = b[32:]
	}
	if len(b) >= 16 {
		p := (*[16]byte)(b)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[0:8]), 0)
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[8:16]), c)
		acc, c = bits.Add64(acc, 0, c)
		acc += c
		b = b[16:]
	}
	var word uint64
	if len(b) >= 8 {
		word = binary.LittleEndian.Uint64(b)
	}
	acc, c = bits.Add64(acc, word, 0)
	acc, c2 = bits.Add64(acc, tail, c)
	return addCarry(acc, c2)
}

// add64 adds 64 bytes to acc in one chain of carries.
func add64(acc uint64, p *[64]byte) uint64 {
	var c uint64
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[0:8]), 0)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[8:16]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[16:24]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[24:32]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[32:40]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[40:48]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[48:56]), c)
	acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(p[56:64]), c)
	// All ones plus a carry is a carry again, so it goes round twice.
	acc, c = bits.Add64(acc, 0, c)
	return acc + c
}

// addCarry is x + y with the carry added back in. That addition cannot overflow:
// a sum that carried out is at most 2⁶⁴-2.
func addCarry(x, y uint64) uint64 {
	s, c := bits.Add64(x, y, 0)
	return s + c
}

// lastBytes is up to seven bytes as a little-endian number.
func lastBytes(b []byte) uint64 {
	var v uint64
	if len(b)&4 != 0 {
		v = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
		switch len(b) {
		case 3:
			v |= uint64(b[2])<<48 | uint64(binary.LittleEndian.Uint16(b))<<32
		case 2:
			v |= uint64(binary.LittleEndian.Uint16(b)) << 32
		case 1:
			v |= uint64(b[0]) << 32
		}
		return v
	}
	switch len(b) {
	case 3:
		v = uint64(b[2])<<16 | uint64(binary.LittleEndian.Uint16(b))
	case 2:
		v = uint64(binary.LittleEndian.Uint16(b))
	case 1:
		v = uint64(b[0])
	}
	return v
}
