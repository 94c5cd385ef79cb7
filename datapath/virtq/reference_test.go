// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"bytes"
	"encoding/binary"

	"arcbox.dev/datapath/virtq"
)

// reference is the specification, followed slowly over an image that nobody
// changes meanwhile: what Pop must say about the chain at an index.
type reference struct {
	image    []byte // at imageBase
	split    int    // bytes in the first region
	layout   virtq.Layout
	indirect bool
}

// refChain is what the reference finds.
type refChain struct {
	head               uint16
	readable, writable spans
}

// spans are bytes by their place in the image: pairs of begin and end. What
// follows directly is merged, for one buffer may be several slices.
type spans [][2]int

func (s spans) add(begin, n int) spans {
	if n == 0 {
		return s
	}
	if k := len(s); k > 0 && s[k-1][1] == begin {
		s[k-1][1] += n
		return s
	}
	return append(s, [2]int{begin, begin + n})
}

func (r *reference) u16(addr uint64) uint16 {
	return binary.LittleEndian.Uint16(r.image[addr-imageBase:])
}

func (r *reference) availIndex() uint16 { return r.u16(r.layout.Avail + 2) }

// inside says whether bytes are in memory, and whether they are in one region.
func (r *reference) inside(addr, n uint64) (all, one bool) {
	if addr < imageBase || addr > imageBase+uint64(len(r.image)) || n > imageBase+uint64(len(r.image))-addr {
		return false, false
	}
	split := imageBase + uint64(r.split)
	return true, addr >= split || addr+n <= split
}

func (r *reference) desc(table uint64, i int) (addr uint64, n uint32, flags, next uint16) {
	b := bytes.NewReader(r.image[table-imageBase+16*uint64(i):])
	for _, field := range []any{&addr, &n, &flags, &next} {
		_ = binary.Read(b, binary.LittleEndian, field)
	}
	return addr, n, flags, next
}

// chain returns the chain at an available index, or the rule that it breaks.
func (r *reference) chain(index uint16) (refChain, virtq.Reason) {
	size := int(r.layout.Size)
	c := refChain{head: r.u16(r.layout.Avail + 4 + 2*uint64(int(index)%size))}
	if int(c.head) >= size {
		return c, virtq.BadHead
	}
	table, entries, nested := r.layout.Desc, size, false
	visited := map[int]bool{}
	at, count, writable := int(c.head), 0, false
	total := uint64(0)
	for {
		addr, n, flags, next := r.desc(table, at)
		if flags&fIndirect != 0 {
			_, one := r.inside(addr, uint64(n))
			switch {
			case !r.indirect:
				return c, virtq.NotNegotiated
			case nested:
				return c, virtq.Nested
			case flags&fNext != 0:
				return c, virtq.IndirectNext
			case n == 0 || n%16 != 0:
				return c, virtq.BadTable
			case !one:
				return c, virtq.BadAddress
			}
			table, entries, nested, at = addr, int(n/16), true, 0
			visited = map[int]bool{}
			continue
		}
		if visited[at] {
			return c, virtq.Cycle
		}
		visited[at] = true
		if count++; count > size {
			return c, virtq.TooLong
		}
		if total += uint64(n); total > 1<<32 {
			return c, virtq.TooLarge
		}
		if flags&fWrite != 0 {
			writable = true
		} else if writable {
			return c, virtq.BadOrder
		}
		if n > 0 {
			if all, _ := r.inside(addr, uint64(n)); !all {
				return c, virtq.BadAddress
			}
			if writable {
				c.writable = c.writable.add(int(addr-imageBase), int(n))
			} else {
				c.readable = c.readable.add(int(addr-imageBase), int(n))
			}
		}
		if flags&fNext == 0 {
			return c, 0
		}
		if int(next) >= entries {
			return c, virtq.BadNext
		}
		at = int(next)
	}
}
