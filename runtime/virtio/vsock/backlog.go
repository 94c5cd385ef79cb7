// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"sync"

	"arcbox.dev/datapath/guestmem"
)

// chunkSize is the unit in which a backlog takes memory, in bytes. It is as small
// as the smallest window, so that many backlogs of a few bytes stay small.
const chunkSize = 8 << 10

type chunk [chunkSize]byte

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// backlog is a first-in first-out queue of bytes that a socket had no room for. The
// zero backlog is empty and holds no memory.
type backlog struct {
	chunks []*chunk
	begin  int // where in the first chunk the bytes begin
	size   int // bytes in all
}

func (b *backlog) empty() bool { return b.size == 0 }

// add copies segs without their first skip bytes to the end.
func (b *backlog) add(segs []guestmem.Segment, skip int) {
	for _, s := range segs {
		if skip >= s.Len() {
			skip -= s.Len()
			continue
		}
		buf := s.Bytes()[skip:]
		skip = 0
		for len(buf) > 0 {
			end := b.begin + b.size
			if end == len(b.chunks)*chunkSize {
				b.chunks = append(b.chunks, chunks.Get().(*chunk))
			}
			n := copy(b.chunks[end/chunkSize][end%chunkSize:], buf)
			buf = buf[n:]
			b.size += n
		}
	}
}

// appendTo appends the bytes in order to dst, as at most limit segments. They stay
// the backlog's.
func (b *backlog) appendTo(dst []guestmem.Segment, limit int) []guestmem.Segment {
	begin, left := b.begin, b.size
	for _, c := range b.chunks[:min(len(b.chunks), limit)] {
		n := min(chunkSize-begin, left)
		dst = append(dst, guestmem.SegmentOf(c[begin:begin+n]))
		left -= n
		begin = 0
	}
	return dst
}

// drop removes the first n bytes, which must be there.
func (b *backlog) drop(n int) {
	b.size -= n
	b.begin += n
	done := b.begin / chunkSize
	if b.size == 0 {
		done = len(b.chunks)
	}
	for _, c := range b.chunks[:done] {
		chunks.Put(c)
	}
	b.begin -= done * chunkSize
	if b.size == 0 {
		b.chunks, b.begin = nil, 0
		return
	}
	rest := copy(b.chunks, b.chunks[done:])
	clear(b.chunks[rest:])
	b.chunks = b.chunks[:rest]
}
