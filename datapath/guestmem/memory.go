// SPDX-License-Identifier: MIT OR Apache-2.0

// Package guestmem is guest memory mapped into this process.
//
// A Memory is an immutable table of regions: what a guest, or the front end that
// owns it, calls an address is looked up here and nowhere else, so that whoever
// holds a slice from this package holds bytes that are inside guest memory. The
// other side changes these bytes at any time: read what you check once, into a
// variable.
//
// All use of package unsafe for guest memory is in this package: mapping files,
// and viewing the few words that both sides use to synchronise. Words of a queue
// are little-endian, and so are the processors that this package is built for.
//
// A Memory does not own its mappings. Whoever made them unmaps them, after every
// user of the Memory has stopped.
package guestmem

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Region is one piece of guest memory that is contiguous on both sides.
type Region struct {
	Addr uint64 // what the other side calls the address of Mem[0]
	Mem  []byte
}

// size is the region's length in bytes.
func (r *Region) size() uint64 { return uint64(len(r.Mem)) }

// Memory is a table of regions. It never changes, and may be used from any goroutine.
type Memory struct {
	regions []Region // sorted by Addr, disjoint, none of them empty
}

// New makes a Memory of regions given in any order. It refuses regions that are
// empty, reach beyond the end of the 64-bit address space, or overlap.
func New(regions ...Region) (*Memory, error) {
	if len(regions) == 0 {
		return nil, errors.New("building guest memory: no regions")
	}
	sorted := slices.Clone(regions)
	slices.SortFunc(sorted, func(a, b Region) int { return cmp.Compare(a.Addr, b.Addr) })
	for i := range sorted {
		r := &sorted[i]
		if r.size() == 0 {
			return nil, fmt.Errorf("building guest memory: region at %#x is empty", r.Addr)
		}
		// The last byte's address is compared, so that a region may end at 2^64.
		if r.Addr+(r.size()-1) < r.Addr {
			return nil, fmt.Errorf("building guest memory: region at %#x of %#x bytes wraps", r.Addr, r.size())
		}
		if i == 0 {
			continue
		}
		if p := &sorted[i-1]; r.Addr-p.Addr < p.size() {
			return nil, fmt.Errorf("building guest memory: region at %#x overlaps the one at %#x of %#x bytes",
				r.Addr, p.Addr, p.size())
		}
	}
	return &Memory{regions: sorted}, nil
}

// Regions returns the regions by rising address. The caller must not change them.
func (m *Memory) Regions() []Region { return m.regions }

// Slice returns the n bytes at addr, which must lie in one region. n may be 0 if
// addr is inside guest memory. The error is a *RangeError.
func (m *Memory) Slice(addr, n uint64) ([]byte, error) {
	i, ok := m.find(addr)
	if ok {
		r := &m.regions[i]
		if off := addr - r.Addr; n <= r.size()-off {
			return r.Mem[off : off+n : off+n], nil
		}
	}
	return nil, &RangeError{Addr: addr, Len: n}
}

// Append appends the n bytes at addr to dst, as one segment for each of the adjacent
// regions that they span. It allocates only to let dst grow. Nothing is appended
// for n == 0, whatever addr is. With an error, a *RangeError, dst is returned as it was.
func (m *Memory) Append(dst []Segment, addr, n uint64) ([]Segment, error) {
	if n == 0 {
		return dst, nil
	}
	i, ok := m.find(addr)
	if !ok {
		return dst, &RangeError{Addr: addr, Len: n}
	}
	out, left := dst, n
	r := &m.regions[i]
	off := addr - r.Addr
	for {
		if k := r.size() - off; left > k {
			out = append(out, SegmentOf(r.Mem[off:]))
			left -= k
		} else {
			return append(out, SegmentOf(r.Mem[off:off+left])), nil
		}
		// The next region has to begin where this one ends. A region that ends at
		// 2^64 is the last, so the sum below does not wrap to another's address.
		next := r.Addr + r.size()
		if i++; i == len(m.regions) || m.regions[i].Addr != next {
			return dst, &RangeError{Addr: addr, Len: n}
		}
		r, off = &m.regions[i], 0
	}
}

// Region returns the region that holds addr, and whether there is one.
func (m *Memory) Region(addr uint64) (Region, bool) {
	i, ok := m.find(addr)
	if !ok {
		return Region{}, false
	}
	return m.regions[i], true
}

// find returns the index of the region that holds addr.
func (m *Memory) find(addr uint64) (int, bool) {
	lo, hi := 0, len(m.regions)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if m.regions[mid].Addr <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, false
	}
	r := &m.regions[lo-1]
	return lo - 1, addr-r.Addr < r.size()
}

// RangeError is the error for bytes that are not, or not all, in guest memory.
type RangeError struct {
	Addr uint64 // address of the first byte
	Len  uint64 // bytes
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%#x bytes at guest address %#x are not in guest memory", e.Len, e.Addr)
}
