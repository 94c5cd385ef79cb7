// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// network folds an implementation's sum and puts it into network order.
func network(acc uint64) uint16 { return bits.ReverseBytes16(Fold(acc)) }

// TestEveryLengthAndAlignment compares each implementation with the oracle at all
// lengths from 0 to 4096 bytes from each of 64 places within a cache line.
func TestEveryLengthAndAlignment(t *testing.T) {
	const longest, alignments = 4096, 64
	line := make([]byte, longest+2*alignments)
	for len(line)%64 != 0 {
		line = line[1:]
	}
	for _, pattern := range patterns {
		pattern.fill(line, rand.New(rand.NewPCG(1, 2)))
		for align := 0; align < alignments; align += alignmentStep {
			var wants [longest + 1]uint16
			var o oracle
			for n := range wants {
				wants[n] = o.sum()
				o.add(line[align+n])
			}
			for _, impl := range implementations(t) {
				for n, want := range wants {
					b := line[align : align+n : align+n]
					if got := network(impl.sum(b, 0)); got != want {
						t.Fatalf("%s, %s, align %d, length %d: got %#04x, want %#04x", impl.name, pattern.name, align, n, got, want)
					}
				}
			}
			for n, want := range wants {
				if got := Sum(line[align:align+n], 0); got != want {
					t.Fatalf("Sum, %s, align %d, length %d: got %#04x, want %#04x", pattern.name, align, n, got, want)
				}
			}
		}
	}
}

// TestChunks crosses the lengths at which an assembly function is called again,
// with the bytes that bring its lanes closest to overflow.
func TestChunks(t *testing.T) {
	b := make([]byte, 4*chunk+100)
	for _, pattern := range patterns {
		pattern.fill(b, rand.New(rand.NewPCG(3, 4)))
		var o oracle
		for _, middle := range []int{chunk, 2 * chunk, 4 * chunk} {
			for n := middle - 70; n <= middle+70; n += 1 + n%5 {
				for o.n < n {
					o.add(b[o.n])
				}
				want := o.sum()
				for _, impl := range implementations(t) {
					if got := network(impl.sum(b[:n], 0)); got != want {
						t.Fatalf("%s, %s, length %d: got %#04x, want %#04x", impl.name, pattern.name, n, got, want)
					}
				}
			}
		}
	}
}

// TestAccumulator starts from accumulators whose next carries go round twice.
func TestAccumulator(t *testing.T) {
	b := make([]byte, 700)
	for _, pattern := range patterns {
		pattern.fill(b, rand.New(rand.NewPCG(5, 6)))
		for _, start := range []uint64{0, 1, 0xffff, 1<<32 - 1, 1 << 63, ^uint64(0) - 1, ^uint64(0)} {
			for n := range b {
				want := slowSum(b[:n], network(start))
				for _, impl := range implementations(t) {
					if got := network(impl.sum(b[:n], start)); got != want {
						t.Fatalf("%s, %s, start %#x, length %d: got %#04x, want %#04x", impl.name, pattern.name, start, n, got, want)
					}
				}
			}
		}
	}
}

func TestKnownSums(t *testing.T) {
	for _, c := range []struct {
		name    string
		bytes   []byte
		initial uint16
		sum     uint16
	}{
		{"nothing", nil, 0, 0},
		{"initial alone", nil, 0xabcd, 0xabcd},
		{"the example of RFC 1071 section 3", []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0, 0xddf2},
		{"an odd byte is the high half", []byte{0x12}, 0, 0x1200},
		{"zeros", make([]byte, 99), 0, 0},
		{"a multiple of 0xffff is not 0x0000", []byte{0xff, 0xfe, 0x00, 0x01}, 0, 0xffff},
		{"end-around carry from initial", []byte{0x00, 0x01}, 0xffff, 0x0001},
	} {
		if got := Sum(c.bytes, c.initial); got != c.sum {
			t.Errorf("%s: Sum = %#04x, want %#04x", c.name, got, c.sum)
		}
		if got := Checksum(c.bytes, c.initial); got != ^c.sum {
			t.Errorf("%s: Checksum = %#04x, want %#04x", c.name, got, ^c.sum)
		}
	}
}

// TestOwnChecksum puts a checksum into its data, which then sums to 0.
func TestOwnChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 2, 2000).Draw(t, "bytes")
		initial := rapid.Uint16Min(1).Draw(t, "initial")
		b[0], b[1] = 0, 0
		binary.BigEndian.PutUint16(b, Checksum(b, initial))
		if got := Checksum(b, initial); got != 0 {
			t.Fatalf("checksum over data with its own checksum: %#04x", got)
		}
	})
}

// TestCombine cuts data anywhere, sums the pieces apart, and joins them again.
func TestCombine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "bytes")
		want := slowSum(b, 0)
		var sum uint16
		var done int
		for done < len(b) {
			n := rapid.IntRange(1, len(b)-done).Draw(t, "piece")
			sum = Combine(sum, done, Sum(b[done:done+n], 0))
			done += n
		}
		if sum != want {
			t.Fatalf("combined %#04x, want %#04x", sum, want)
		}
	})
}

func TestFold(t *testing.T) {
	slow := func(sum uint64) uint16 {
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		return uint16(sum)
	}
	r := rand.New(rand.NewPCG(7, 8))
	sums := []uint64{0, 1, 0xffff, 0x10000, 0x1fffe, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_0000_0000, ^uint64(0), ^uint64(0) - 1}
	for range 100_000 {
		sums = append(sums, r.Uint64()>>(r.Uint32()%64))
	}
	for _, sum := range sums {
		if got, want := Fold(sum), slow(sum); got != want {
			t.Fatalf("Fold(%#x) = %#04x, want %#04x", sum, got, want)
		}
	}
}
