// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

// A node is a timer, or the head of a list of them. Lists are circular and run through their head, which spares
// unlink all cases but one. Nodes refer to each other by number, so the garbage collector has nothing to look for.
type node struct {
	at         uint64 // ticks; unused in a head
	next, prev uint32 // next is 0 in a timer that isn't armed
}

const (
	chunkBits = 11
	chunkSize = 1 << chunkBits // nodes; 32 KiB
)

// A slab is an array of nodes that grows without moving them.
type slab struct {
	chunks []*[chunkSize]node
}

func (s *slab) at(i uint32) *node {
	return &s.chunks[i>>chunkBits][i%chunkSize]
}

// grow makes nodes 0 to n-1 exist.
func (s *slab) grow(n uint32) {
	for uint64(len(s.chunks))*chunkSize < uint64(n) {
		s.chunks = append(s.chunks, new([chunkSize]node))
	}
}
