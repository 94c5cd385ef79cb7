// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

// Cut splits s behind its first n bytes, of which it must have as many.
func (s Segment) Cut(n int) (first, rest Segment) {
	b := s.Bytes()
	return SegmentOf(b[:n]), SegmentOf(b[n:])
}

// Total is the number of bytes in segments.
func Total(segs []Segment) (n uint64) {
	for _, s := range segs {
		n += uint64(s.Len())
	}
	return n
}

// Gather copies the beginning of segs to dst and returns how many bytes that was.
func Gather(dst []byte, segs []Segment) (n int) {
	for i := 0; i < len(segs) && n < len(dst); i++ {
		n += copy(dst[n:], segs[i].Bytes())
	}
	return n
}

// Scatter copies src to the beginning of segs and returns how many bytes it copied.
func Scatter(segs []Segment, src []byte) (n int) {
	for i := 0; i < len(segs) && n < len(src); i++ {
		n += copy(segs[i].Bytes(), src[n:])
	}
	return n
}

// AppendPart appends to dst what follows the first off bytes of segs, at most limit
// bytes of it, and returns how many bytes that is.
func AppendPart(dst, segs []Segment, off, limit int) (_ []Segment, n int) {
	for _, s := range segs {
		if off >= s.Len() {
			off -= s.Len()
			continue
		}
		if n >= limit {
			break
		}
		_, s = s.Cut(off)
		off = 0
		s, _ = s.Cut(min(s.Len(), limit-n))
		dst = append(dst, s)
		n += s.Len()
	}
	return dst, n
}

// Segments returns one segment for each of bufs.
func Segments(bufs ...[]byte) []Segment {
	segs := make([]Segment, len(bufs))
	for i, b := range bufs {
		segs[i] = SegmentOf(b)
	}
	return segs
}
