// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && !purego && !race

package checksum

import "testing"

func vectorImplementations(tb testing.TB) []implementationCase {
	var list []implementationCase
	if haveAVX2 {
		list = append(list, implementationCase{"avx2", sumByAVX2})
	} else {
		tb.Log("not run: this processor has no AVX2")
	}
	if haveVNNI {
		list = append(list, implementationCase{"avx512vnni", sumByVNNI})
	} else {
		tb.Log("not run: this processor has no AVX-512 VNNI")
	}
	return list
}

// TestFallback takes each level of the choice away in turn.
func TestFallback(t *testing.T) {
	vnni, avx2 := haveVNNI, haveAVX2
	defer func() { haveVNNI, haveAVX2 = vnni, avx2 }()
	b := make([]byte, 3001)
	for i := range b {
		b[i] = byte(i * 7)
	}
	want := slowSum(b, 5)
	for _, level := range []struct {
		vnni, avx2 bool
		name       string
	}{
		{vnni, avx2, Implementation()},
		{false, avx2, map[bool]string{true: "avx2", false: "portable"}[avx2]},
		{false, false, "portable"},
	} {
		haveVNNI, haveAVX2 = level.vnni, level.avx2
		if got := Implementation(); got != level.name {
			t.Errorf("Implementation() = %s, want %s", got, level.name)
		}
		if got := Sum(b, 5); got != want {
			t.Errorf("%s: Sum = %#04x, want %#04x", level.name, got, want)
		}
	}
}
