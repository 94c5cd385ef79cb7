// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && !purego && !race

package checksum

import "golang.org/x/sys/cpu"

// vectorMin is the length in bytes from which vector instructions win: below it
// adding up their lanes costs more than they save. AVX-512 VNNI draws level
// earlier, and AVX2 at this length.
const vectorMin = 128

var (
	haveAVX2 = cpu.X86.HasAVX2
	// The mask of the last load needs AVX512BW, and its making BMI2.
	haveVNNI = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VNNI && cpu.X86.HasBMI2
)

// atOnce says whether sumAtOnce takes n bytes.
func atOnce(n int) bool { return haveVNNI && n <= chunk }

func sumAtOnce(b []byte) uint64 { return sumVNNI(b) }

// sumLong adds b to acc by the widest means. It branches, and does not call
// through a variable, because a slice passed to an unknown function would have to
// be on the heap.
func sumLong(b []byte, acc uint64) uint64 {
	switch {
	case haveVNNI:
		return sumByVNNI(b, acc)
	case haveAVX2:
		return sumByAVX2(b, acc)
	}
	return sumWords(b, acc)
}

func implementation() string {
	switch {
	case haveVNNI:
		return "avx512vnni"
	case haveAVX2:
		return "avx2"
	}
	return "portable"
}

// sumByVNNI adds b, of any length, to acc.
func sumByVNNI(b []byte, acc uint64) uint64 {
	for len(b) > chunk {
		acc = addCarry(acc, sumVNNI(b[:chunk]))
		b = b[chunk:]
	}
	return addCarry(acc, sumVNNI(b))
}

// sumByAVX2 adds b, of any length, to acc.
func sumByAVX2(b []byte, acc uint64) uint64 {
	for len(b) >= 32 {
		n := min(len(b), chunk) &^ 31
		acc = addCarry(acc, sumAVX2(b[:n]))
		b = b[n:]
	}
	return sumWords(b, acc)
}

// sumVNNI returns the sum of b's little-endian words. len(b) is at most chunk.
//
//go:noescape
func sumVNNI(b []byte) uint64

// sumAVX2 returns the sum of b's little-endian words. len(b) is a multiple of 32
// and at most chunk.
//
//go:noescape
func sumAVX2(b []byte) uint64
