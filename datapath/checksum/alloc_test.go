// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import "testing"

// sink keeps results alive.
var sink uint16

// TestNoAllocation sums arrays that are on the stack only as long as nothing in the
// package lets them escape.
func TestNoAllocation(t *testing.T) {
	for name, f := range map[string]func(){
		"short": func() { var b [20]byte; sink += Sum(b[:], 1) },
		"long":  func() { var b [1460]byte; sink += Checksum(b[:], 1) },
		"delta": func() {
			var from, to [16]byte
			to[3] = 1
			d := Delta(0).Add16(1, 2).Add32(3, 4).Add128(&from, &to).Merge(7).Invert()
			sink += d.Apply(sink) + d.ApplyUDP(sink)
		},
		"update": func() {
			var from, to [16]byte
			sink = Update16(Update32(Update128(sink, &from, &to), 1, 2), 3, 4)
		},
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
