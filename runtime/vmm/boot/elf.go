// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"cmp"
	"debug/elf"
	"slices"
)

const (
	maxHeaders  = 64 // program headers: Linux has 5
	wantVmlinux = "give a kernel that is built with CONFIG_PVH, or its bzImage"
)

// segment is a piece of an ELF file that belongs in guest memory.
type segment struct {
	addr, memSize uint64 // guest address and bytes
	off, fileSize uint64 // where the first fileSize of these bytes are; the rest is zero
}

func (s segment) end() uint64 { return s.addr + s.memSize }

// readELF returns an ELF file's loaded segments by rising address, and its PVH entry
// point. Segments are in RAM between 1 MiB and low, in the file, and do not overlap;
// the entry point is in one of them.
func readELF(im *image, low uint64) (segs []segment, entry uint64, err error) {
	var h elf.Header64
	if err := im.readStruct(&h, 0); err != nil {
		return nil, 0, err
	}
	switch {
	case elf.Class(h.Ident[elf.EI_CLASS]) != elf.ELFCLASS64, elf.Data(h.Ident[elf.EI_DATA]) != elf.ELFDATA2LSB,
		elf.Machine(h.Machine) != elf.EM_X86_64:
		return nil, 0, im.unsupported("give a kernel for x86-64", "it is built for another architecture")
	case h.Phentsize != 56:
		return nil, 0, im.invalid(wantVmlinux, "its program headers have %d bytes, not 56", h.Phentsize)
	case h.Phnum == 0 || h.Phnum > maxHeaders:
		return nil, 0, im.invalid(wantVmlinux, "it has %d program headers, not 1 to %d", h.Phnum, maxHeaders)
	}
	found := false
	for i := range uint64(h.Phnum) {
		var p elf.Prog64
		at := h.Phoff + i*uint64(h.Phentsize)
		if at < h.Phoff {
			return nil, 0, im.invalid(wantVmlinux, "its program headers wrap")
		}
		if err := im.readStruct(&p, at); err != nil {
			return nil, 0, err
		}
		switch elf.ProgType(p.Type) {
		case elf.PT_LOAD:
			if p.Memsz == 0 && p.Filesz == 0 {
				continue
			}
			if err := checkSegment(im, &p, low); err != nil {
				return nil, 0, err
			}
			segs = append(segs, segment{addr: p.Paddr, memSize: p.Memsz, off: p.Off, fileSize: p.Filesz})
		case elf.PT_NOTE:
			if found {
				continue
			}
			if entry, found, err = findEntry(im, &p); err != nil {
				return nil, 0, err
			}
		}
	}
	if !found {
		return nil, 0, im.unsupported(wantVmlinux, "it is an ELF file without a PVH entry")
	}
	slices.SortFunc(segs, func(a, b segment) int { return cmp.Compare(a.addr, b.addr) })
	return segs, entry, checkOrder(im, segs, entry)
}

// checkSegment checks a segment against the file and the guest's memory.
func checkSegment(im *image, p *elf.Prog64, low uint64) error {
	switch {
	case p.Filesz > p.Memsz:
		return im.invalid(wantVmlinux, "a segment has %#x bytes in the file and %#x in memory", p.Filesz, p.Memsz)
	case !im.holds(p.Off, p.Filesz):
		return im.truncated("a segment of %#x bytes at %#x", p.Filesz, p.Off)
	case p.Paddr < highStart:
		return im.invalid(wantVmlinux, "a segment is at %#x, below 1 MiB", p.Paddr)
	case p.Paddr > low || p.Memsz > low-p.Paddr:
		return im.invalid(moreMemory, "a segment of %#x bytes at %#x reaches beyond the low memory's end at %#x",
			p.Memsz, p.Paddr, low)
	}
	return nil
}

// checkOrder checks that segments, by rising address, do not overlap, and that the
// entry point is in one of them.
func checkOrder(im *image, segs []segment, entry uint64) error {
	inside := false
	for i, s := range segs {
		if i > 0 && s.addr < segs[i-1].end() {
			return im.invalid(wantVmlinux, "its segments overlap at %#x", s.addr)
		}
		inside = inside || entry >= s.addr && entry-s.addr < s.fileSize
	}
	if !inside {
		return im.invalid(wantVmlinux, "its PVH entry %#x is in no segment", entry)
	}
	return nil
}
