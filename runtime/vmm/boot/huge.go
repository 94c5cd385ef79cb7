// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import "arcbox.dev/runtime/vmm/ram"

// firstTables is about what Linux takes from the end of memory beside its page
// structures: page tables, hash tables, and the CPUs' own data, in bytes.
const firstTables = 4 << 20

// pageStructShare is which part of memory Linux has page structures for: 64 bytes for
// each page of 4 KiB (include/linux/mm_types.h, struct page).
const pageStructShare = 64

// hugePages takes huge pages where a boot touches nearly every page: for the kernel,
// from start to end, and for the end of memory, where the initrd will be, and where
// Linux allocates from the top down before it has an allocator (mm/memblock.c).
func (l *loader) hugePages(start, end uint64) error {
	if l.share {
		return nil
	}
	if err := l.hugeRange(up(start), end); err != nil {
		return err
	}
	regions := l.ram.Regions()
	for i, g := range regions {
		var n uint64
		if i == 0 && l.initrd != nil {
			n += l.initrd.size
		}
		if i == len(regions)-1 {
			n += firstTables + l.ram.Size()/pageStructShare
		}
		top := g.Addr + uint64(len(g.Mem))
		bottom := max(g.Addr, top-min(n, top))
		if i == 0 {
			bottom = max(bottom, up(end))
		}
		if err := l.hugeRange(bottom, top); err != nil {
			return err
		}
	}
	return nil
}

// hugeRange takes huge pages for a range: all that have a part of it, but for one that
// would reach beyond the end of memory.
func (l *loader) hugeRange(start, end uint64) error {
	start &^= ram.HugePageSize - 1
	end = min(up(end), l.top(start)&^(ram.HugePageSize-1))
	if start >= end {
		return nil
	}
	return l.ram.HugePages(start, end-start)
}

// top is the end of the region that an address is in.
func (l *loader) top(addr uint64) uint64 {
	if addr >= ram.HighStart {
		return ram.HighStart + l.ram.Size() - l.ram.LowSize()
	}
	return l.ram.LowSize()
}

func up(addr uint64) uint64 { return pad(addr, ram.HugePageSize) }
