// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

// A slab is an array that grows by chunks, so that elements stay where they are
// and growth copies none. Elements that were put back are given out first.
type slab[T any] struct {
	chunks []*[chunkSize]T
	links  []*[chunkSize]uint32 // of free elements: the next one's number plus 1
	free   uint32               // the first one's number plus 1
	fresh  uint32               // elements ever given out
	used   int                  // elements given out now
}

// A chunk of sessions, of 48 KiB, begins on a page, so that no flow straddles a
// cache line.
const (
	chunkBits = 8
	chunkSize = 1 << chunkBits
)

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i>>chunkBits][i%chunkSize] }

// get gives out an element, whose content is whatever it was. It allocates only
// when all chunks are full.
func (s *slab[T]) get() uint32 {
	s.used++
	if i := s.free; i != 0 {
		i--
		s.free = s.links[i>>chunkBits][i%chunkSize]
		return i
	}
	i := s.fresh
	s.fresh++
	if int(i>>chunkBits) == len(s.chunks) {
		s.chunks = append(s.chunks, new([chunkSize]T))
		s.links = append(s.links, new([chunkSize]uint32))
	}
	return i
}

func (s *slab[T]) put(i uint32) {
	s.used--
	s.links[i>>chunkBits][i%chunkSize] = s.free
	s.free = i + 1
}
