// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// TestRFC1624Example is section 4 of RFC 1624: where equation 2 gives 0xffff,
// equation 3 must give 0x0000.
func TestRFC1624Example(t *testing.T) {
	if got := Update16(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Fatalf("got %#04x, want 0x0000", got)
	}
}

// TestUpdateAllWords tries every 16-bit checksum with changes around both zeros.
func TestUpdateAllWords(t *testing.T) {
	edges := []uint16{0, 1, 2, 0x7fff, 0x8000, 0xfffd, 0xfffe, 0xffff}
	for _, from := range edges {
		for _, to := range edges {
			for other := range 1 << 16 {
				// other stands for all that does not change.
				var before, after [4]byte
				binary.BigEndian.PutUint16(before[0:], uint16(other))
				binary.BigEndian.PutUint16(before[2:], from)
				after = before
				binary.BigEndian.PutUint16(after[2:], to)
				if after == [4]byte{} || before == [4]byte{} {
					continue // see TestAllZeroData
				}
				got, want := Update16(Checksum(before[:], 0), from, to), ^slowSum(after[:], 0)
				if got != want {
					t.Fatalf("%#04x: %#04x to %#04x: got %#04x, want %#04x", other, from, to, got, want)
				}
			}
		}
	}
}

// TestAllZeroData is the one case in which an update and a new sum differ, by the
// two zeros: no header consists of zero bytes.
func TestAllZeroData(t *testing.T) {
	if got := Update16(Checksum([]byte{0x12, 0x34}, 0), 0x1234, 0); got != 0x0000 {
		t.Errorf("to zeros: got %#04x, want 0x0000", got)
	}
	if got := Update16(Checksum([]byte{0, 0}, 0), 0, 0x1234); got != ^uint16(0x1234) {
		t.Errorf("from zeros: got %#04x, want %#04x", got, ^uint16(0x1234))
	}
}

// change is one field of 2, 4 or 16 bytes at an even offset.
type change struct{ offset, size int }

// drawChanges draws fields that do not overlap.
func drawChanges(t *rapid.T, length int) []change {
	var list []change
	for at := 0; ; {
		at += 2 * rapid.IntRange(0, 8).Draw(t, "gap")
		size := rapid.SampledFrom([]int{2, 4, 16}).Draw(t, "size")
		if at+size > length {
			return list
		}
		list = append(list, change{at, size})
		at += size
	}
}

func (c change) add(d Delta, before, after []byte) Delta {
	from, to := before[c.offset:c.offset+c.size], after[c.offset:c.offset+c.size]
	switch c.size {
	case 2:
		return d.Add16(binary.BigEndian.Uint16(from), binary.BigEndian.Uint16(to))
	case 4:
		return d.Add32(binary.BigEndian.Uint32(from), binary.BigEndian.Uint32(to))
	}
	return d.Add128((*[16]byte)(from), (*[16]byte)(to))
}

func (c change) update(checksum uint16, before, after []byte) uint16 {
	from, to := before[c.offset:c.offset+c.size], after[c.offset:c.offset+c.size]
	switch c.size {
	case 2:
		return Update16(checksum, binary.BigEndian.Uint16(from), binary.BigEndian.Uint16(to))
	case 4:
		return Update32(checksum, binary.BigEndian.Uint32(from), binary.BigEndian.Uint32(to))
	}
	return Update128(checksum, (*[16]byte)(from), (*[16]byte)(to))
}

// words prefers the bytes from which carries and zeros come.
var words = rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0x00, 0xff}))

// TestDelta changes fields, and compares one Apply of all changes, in parts, there
// and back, and one update a field, with the sum of the changed data.
func TestDelta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const length = 80
		before := rapid.SliceOfN(words, length, length).Draw(t, "before")
		after := append([]byte(nil), before...)
		// The protocol number that a pseudo-header or the version that an IP header has.
		const initial = 17
		old := Checksum(before, initial)

		var all, even, odd Delta
		stepwise := old
		for i, c := range drawChanges(t, length) {
			copy(after[c.offset:], rapid.SliceOfN(words, c.size, c.size).Draw(t, "field"))
			all = c.add(all, before, after)
			if i%2 == 0 {
				even = c.add(even, before, after)
			} else {
				odd = c.add(odd, before, after)
			}
			stepwise = c.update(stepwise, before, after)
		}
		want := ^slowSum(after, initial)
		if got := all.Apply(old); got != want {
			t.Fatalf("at once: %#04x, want %#04x", got, want)
		}
		if got := even.Merge(odd).Apply(old); got != want {
			t.Fatalf("merged: %#04x, want %#04x", got, want)
		}
		if stepwise != want {
			t.Fatalf("field by field: %#04x, want %#04x", stepwise, want)
		}
		if got := all.Invert().Apply(want); got != old {
			t.Fatalf("back: %#04x, want %#04x", got, old)
		}
	})
}

// TestSwap changes a field at an odd offset.
func TestSwap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(words, 40, 40).Draw(t, "before")
		after := append([]byte(nil), before...)
		at := 1 + 2*rapid.IntRange(0, 18).Draw(t, "at")
		copy(after[at:], rapid.SliceOfN(words, 2, 2).Draw(t, "field"))
		d := change{at, 2}.add(0, before, after).Swap()
		if got, want := d.Apply(Checksum(before, 1)), ^slowSum(after, 1); got != want {
			t.Fatalf("got %#04x, want %#04x", got, want)
		}
	})
}

// TestApplyUDP holds the rules of RFC 768 for every checksum and every delta at the
// edges: none stays none, none appears, and the value is right.
func TestApplyUDP(t *testing.T) {
	for _, d := range []Delta{0, 1, 0x00ff, 0x7fff, 0x8000, 0xfffe, 0xffff} {
		if got := d.ApplyUDP(0); got != 0 {
			t.Fatalf("%#04x: no checksum became %#04x", uint16(d), got)
		}
		for hc := uint32(1); hc <= 0xffff; hc++ {
			got := d.ApplyUDP(uint16(hc))
			if got == 0 {
				t.Fatalf("%#04x: %#04x became no checksum", uint16(d), hc)
			}
			want := (0xffff - hc + uint32(d)) % 0xffff
			if have := uint32(^got) % 0xffff; have != want {
				t.Fatalf("%#04x: %#04x became %#04x, a sum of %#x and not %#x", uint16(d), hc, got, have, want)
			}
		}
	}
	// A checksum that is due to become 0x0000 is the RFC's own example.
	if got := Delta(0).Add16(0x5555, 0x3285).ApplyUDP(0xdd2f); got != 0xffff {
		t.Fatalf("got %#04x, want 0xffff", got)
	}
}
