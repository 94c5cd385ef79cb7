// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"math/rand/v2"
	"testing"
)

// oracle sums byte by byte, and so slowly that nothing can go wrong: a wide number
// that cannot overflow, and its remainder instead of folded carries.
type oracle struct {
	total uint64
	n     int
}

func (o *oracle) add(b byte) {
	if o.n&1 == 0 {
		o.total += uint64(b) << 8
	} else {
		o.total += uint64(b)
	}
	o.n++
}

// sum is 0 for nothing but zeros, and 0xffff for other multiples of it.
func (o *oracle) sum() uint16 {
	if o.total == 0 {
		return 0
	}
	if r := o.total % 0xffff; r != 0 {
		return uint16(r)
	}
	return 0xffff
}

func slowSum(b []byte, initial uint16) uint16 {
	o := oracle{total: uint64(initial)}
	for _, c := range b {
		o.add(c)
	}
	return o.sum()
}

// implementationCase is one way to sum little-endian words of any length, to be
// folded.
type implementationCase struct {
	name string
	sum  func(b []byte, acc uint64) uint64
}

// implementations lists what this machine can run of what this build contains.
func implementations(tb testing.TB) []implementationCase {
	return append([]implementationCase{{"portable", sumWords}}, vectorImplementations(tb)...)
}

// patterns fill a buffer with bytes that stress carries, or are ordinary.
var patterns = []struct {
	name string
	fill func(b []byte, r *rand.Rand)
}{
	{"random", func(b []byte, r *rand.Rand) {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}},
	{"ones", func(b []byte, _ *rand.Rand) {
		for i := range b {
			b[i] = 0xff
		}
	}},
	{"sparse", func(b []byte, r *rand.Rand) {
		for i := range b {
			b[i] = 0xff
			if r.Uint32()%61 == 0 {
				b[i] = byte(r.Uint32())
			}
		}
	}},
	{"zeros", func(b []byte, _ *rand.Rand) { clear(b) }},
}
