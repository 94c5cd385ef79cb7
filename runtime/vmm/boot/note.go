// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"debug/elf"
	"encoding/binary"
)

const (
	xenName     = "Xen\x00"
	phys32Entry = 18       // XEN_ELFNOTE_PHYS32_ENTRY, Xen public/elfnote.h
	maxNotes    = 64 << 10 // bytes of a note segment: Linux has 512
	noteHeader  = 12       // bytes: the sizes of name and description, and the type
)

// findEntry looks through a note segment for the PVH entry point, a guest address
// below 4 GiB. Linux gives it as a 64-bit number, others as a 32-bit one.
func findEntry(im *image, p *elf.Prog64) (entry uint64, found bool, err error) {
	if p.Filesz > maxNotes {
		return 0, false, im.invalid(wantVmlinux, "its notes have %d bytes, more than %d", p.Filesz, maxNotes)
	}
	notes := make([]byte, p.Filesz)
	if err := im.read(notes, p.Off); err != nil {
		return 0, false, err
	}
	align := uint64(4)
	if p.Align == 8 { // GNU property notes; System V ABI, AMD64 supplement
		align = 8
	}
	for uint64(len(notes)) >= noteHeader {
		nameSize := uint64(binary.LittleEndian.Uint32(notes))
		descSize := uint64(binary.LittleEndian.Uint32(notes[4:]))
		kind := binary.LittleEndian.Uint32(notes[8:])
		desc := pad(noteHeader+nameSize, align) // sums of 32-bit sizes do not wrap
		end := desc + descSize
		if end > uint64(len(notes)) {
			return 0, false, im.invalid(wantVmlinux, "a note of %#x bytes reaches beyond its segment", end)
		}
		if kind == phys32Entry && string(notes[noteHeader:noteHeader+nameSize]) == xenName {
			return entryOf(im, notes[desc:end])
		}
		notes = notes[min(pad(end, align), uint64(len(notes))):]
	}
	return 0, false, nil
}

// entryOf reads the description of the note that holds the entry point.
func entryOf(im *image, desc []byte) (uint64, bool, error) {
	var entry uint64
	switch len(desc) {
	case 4:
		entry = uint64(binary.LittleEndian.Uint32(desc))
	case 8:
		entry = binary.LittleEndian.Uint64(desc)
	default:
		return 0, false, im.invalid(wantVmlinux, "its PVH entry has %d bytes, not 4 or 8", len(desc))
	}
	return entry, true, nil
}

// pad rounds n up to a multiple of align, a power of two.
func pad(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
