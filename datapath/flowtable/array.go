// SPDX-License-Identifier: MIT OR Apache-2.0

package flowtable

// An entry is a tag, in the upper half, and a reference. Tags aren't 0, so that 0 is an empty slot.

// tagOf returns the upper half of a hash, or 1 in place of 0: a wrong tag costs a comparison of keys at worst.
func tagOf(hash uint64) uint32 {
	return max(uint32(hash>>32), 1)
}

const (
	minLog    = 4  // log2 of the fewest slots
	maxLog    = 31 // and of the most: 5/8 of them are more than MaxLen
	pieceBits = 12
	pieceSize = 1 << pieceBits // slots; 32 KiB
)

// A piece is a part of an array. It has no pointers, so the garbage collector doesn't look inside.
type piece [pieceSize]uint64

// blank stands for all pieces that have not been written or that have been moved, so that look-ups need not ask. It is
// never written.
var blank piece

// An array is a power of two of slots. It always has an empty one, where probes end.
type array struct {
	pieces []*piece
	mask   uint32 // number of slots - 1
	shift  uint8  // from a tag to its home
	log    uint8  // log2 of the number of slots
}

// none is an array in which nothing can be found.
var none = array{pieces: []*piece{&blank}, shift: 31}

func makeArray(log uint8) array {
	if log > maxLog {
		panic("flowtable: array too large") // MaxLen comes first
	}
	a := array{
		pieces: make([]*piece, max(1, uint64(1)<<log>>pieceBits)),
		mask:   1<<log - 1,
		shift:  32 - log,
		log:    log,
	}
	for i := range a.pieces {
		a.pieces[i] = &blank
	}
	return a
}

// home is the slot where probes for a tag begin. It rises with the tag.
func (a *array) home(tag uint32) uint32 { return tag >> (a.shift & 31) }

func (a *array) at(i uint32) uint64 { return a.pieces[i>>pieceBits][i%pieceSize] }

// set writes a slot, in a piece of its own.
func (a *array) set(i uint32, entry uint64) {
	p := a.pieces[i>>pieceBits]
	if p == &blank {
		p = new(piece)
		a.pieces[i>>pieceBits] = p
	}
	p[i%pieceSize] = entry
}

// put writes an entry to the first empty slot from its tag's home on.
func (a *array) put(tag uint32, entry uint64) {
	i := a.home(tag)
	for a.at(i) != 0 {
		i = (i + 1) & a.mask
	}
	a.set(i, entry)
}

// remove takes an entry away that is in slot start or in the run of entries after it, and says whether there was one.
func (a *array) remove(start uint32, entry uint64) bool {
	i := start
	for {
		e := a.at(i)
		if e == entry {
			break
		}
		if e == 0 {
			return false
		}
		i = (i + 1) & a.mask
	}
	a.close(i)
	return true
}

// close empties slot gap, and moves entries of the run after it back so that none is behind an empty slot on its way from
// home: algorithm R. In an old array homes may be in slots that have been moved already; those are before the gap, as
// any home is that an entry may move back for.
func (a *array) close(gap uint32) {
	for i := (gap + 1) & a.mask; ; i = (i + 1) & a.mask {
		e := a.at(i)
		if e == 0 {
			break
		}
		// Its way from home to i goes over the gap, unless home is after it.
		if (i-a.home(uint32(e>>32)))&a.mask >= (i-gap)&a.mask {
			a.set(gap, e)
			gap = i
		}
	}
	a.set(gap, 0)
}
