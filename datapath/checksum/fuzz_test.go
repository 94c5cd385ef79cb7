// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"bytes"
	"testing"
)

// FuzzSum compares all implementations with the oracle at any length, offset and
// initial sum, whole and cut in two.
func FuzzSum(f *testing.F) {
	f.Add([]byte{}, uint16(0), uint16(0))
	f.Add([]byte{0xff}, uint16(0xffff), uint16(1))
	f.Add([]byte{0xff, 0xfe, 0x00, 0x01}, uint16(0), uint16(3))
	f.Add(bytes.Repeat([]byte{0xff}, 1500), uint16(0xffff), uint16(13))
	f.Add(bytes.Repeat([]byte{0x00}, 257), uint16(0), uint16(256))
	f.Add(bytes.Repeat([]byte{0x80, 0x00}, 700), uint16(0x8000), uint16(255))
	f.Add(bytes.Repeat([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, 90), uint16(1), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, initial, cut uint16) {
		want := slowSum(b, initial)
		if got := Sum(b, initial); got != want {
			t.Fatalf("Sum = %#04x, want %#04x", got, want)
		}
		at := 0
		if len(b) > 0 {
			at = int(cut) % len(b)
		}
		if got := Combine(Sum(b[:at], initial), at, Sum(b[at:], 0)); got != want {
			t.Fatalf("cut at %d: %#04x, want %#04x", at, got, want)
		}
		part := slowSum(b[at:], 0)
		for _, impl := range implementations(t) {
			if got := network(impl.sum(b[at:], 0)); got != part {
				t.Fatalf("%s from %d: %#04x, want %#04x", impl.name, at, got, part)
			}
		}
	})
}

// FuzzDelta changes a field of any even offset and compares the update with the sum
// of the changed bytes.
func FuzzDelta(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20, 0xff, 0xff, 0, 0}, []byte{0, 0}, uint8(2))
	f.Add(bytes.Repeat([]byte{0xff}, 40), make([]byte, 16), uint8(4))
	f.Add(make([]byte, 40), bytes.Repeat([]byte{0xff}, 4), uint8(0))
	f.Fuzz(func(t *testing.T, before, field []byte, at uint8) {
		c := change{offset: int(at) &^ 1, size: len(field)}
		if (c.size != 2 && c.size != 4 && c.size != 16) || c.offset+c.size > len(before) {
			return
		}
		after := append([]byte(nil), before...)
		copy(after[c.offset:], field)
		d := c.add(0, before, after)
		old, want := Checksum(before, 1), ^slowSum(after, 1)
		if got := d.Apply(old); got != want {
			t.Fatalf("got %#04x, want %#04x", got, want)
		}
		if got := d.Invert().Apply(want); got != old {
			t.Fatalf("back: got %#04x, want %#04x", got, old)
		}
	})
}
