// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSegment(t *testing.T) {
	b := []byte("segment")
	s := SegmentOf(b[1:4])
	require.Equal(t, 3, s.Len())
	require.Same(t, &b[1], &s.Bytes()[0])
	require.Equal(t, 3, cap(s.Bytes()), "no room for what is behind")
	for n := range 4 {
		first, rest := s.Cut(n)
		require.Equal(t, b[1:1+n], append([]byte{}, first.Bytes()...))
		require.Equal(t, b[1+n:4], append([]byte{}, rest.Bytes()...))
	}
	require.Panics(t, func() { s.Cut(4) })
	require.Panics(t, func() { s.Cut(-1) })
	for _, empty := range [][]byte{nil, {}, b[7:]} {
		require.Equal(t, Segment{}, SegmentOf(empty))
	}
	require.Empty(t, Segment{}.Bytes())
	require.Zero(t, Segment{}.Len())
}

// TestSegmentsAgainstModel compares what works on many segments with the same on
// their bytes in one piece.
func TestSegmentsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var bufs [][]byte
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 9), 0, 9).Draw(t, "lengths") {
			bufs = append(bufs, rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "bytes"))
		}
		segs, whole := Segments(bufs...), append([]byte{}, bytes.Join(bufs, nil)...)
		require.Equal(t, uint64(len(whole)), Total(segs))

		n := rapid.IntRange(0, 100).Draw(t, "n")
		got := make([]byte, n)
		require.Equal(t, min(n, len(whole)), Gather(got, segs))
		require.Equal(t, whole[:min(n, len(whole))], got[:min(n, len(whole))])

		off := rapid.IntRange(0, 100).Draw(t, "off")
		want := whole[min(off, len(whole)):]
		want = want[:min(n, len(want))]
		kept := SegmentOf([]byte("kept"))
		part, size := AppendPart([]Segment{kept}, segs, off, n)
		require.Equal(t, len(want), size)
		require.Equal(t, kept, part[0])
		got = make([]byte, size)
		require.Equal(t, size, Gather(got, part[1:]))
		require.Equal(t, want, got)
		for _, s := range part[1:] {
			require.NotZero(t, s.Len())
		}

		src := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "src")
		require.Equal(t, min(len(src), len(whole)), Scatter(segs, src))
		copy(whole, src)
		require.Equal(t, whole, append([]byte{}, bytes.Join(bufs, nil)...))
	})
}
