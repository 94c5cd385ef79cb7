// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import (
	"cmp"
	"slices"

	"arcbox.dev/datapath/guestmem"
)

// window is the region of guest memory in which a queue found a buffer last. A
// driver's buffers lie together, so nearly all of them are translated by two
// comparisons, without a look at the table of regions. It is only ever a region
// of the queue's Memory: what lies in it is what Memory would let through.
//
// The comparisons stand in popSingles and walk, as a function the compiler spills
// its results to the stack there: with off = address - addr, which for an address
// before the window wraps to more than any length, since no region reaches beyond
// 2^64, n bytes are inside if off < len(mem) and n <= len(mem)-off.
type window struct {
	addr uint64 // guest address of mem[0]
	mem  []byte
}

// moved returns the window that holds addr, or w if no region does.
func (w window) moved(regions []guestmem.Region, addr uint64) window {
	i, found := slices.BinarySearchFunc(regions, addr, func(r guestmem.Region, addr uint64) int {
		return cmp.Compare(r.Addr, addr)
	})
	if !found {
		i-- // the last region that begins before addr
	}
	if i < 0 || addr-regions[i].Addr >= uint64(len(regions[i].Mem)) {
		return w
	}
	return window{addr: regions[i].Addr, mem: regions[i].Mem}
}
