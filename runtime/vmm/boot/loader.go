// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"bytes"
	"fmt"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/ram"
)

// loader puts things in guest memory and counts them.
type loader struct {
	ram     *ram.RAM
	share   bool
	rsdp    uint64
	cmdline string
	initrd  *image // nil for none

	copied uint64 // bytes
}

// write copies b to guest memory.
func (l *loader) write(addr uint64, b []byte) error {
	mem, err := l.ram.Memory().Slice(addr, uint64(len(b)))
	if err != nil {
		return fmt.Errorf("writing what the kernel boots from: %w", err)
	}
	copy(mem, b)
	l.copied += uint64(len(b))
	return nil
}

// read copies n bytes of an image at off to guest memory, without a buffer between.
func (l *loader) read(addr uint64, im *image, off, n uint64) error {
	if n == 0 {
		return nil
	}
	mem, err := l.ram.Memory().Slice(addr, n)
	if err != nil {
		return fmt.Errorf("reading the %s: %w", im.what, err)
	}
	if err := im.read(mem, off); err != nil {
		return err
	}
	l.copied += n
	return nil
}

// zeros is a page of them.
var zeros [ram.PageSize]byte

// readSparse is read but for pages that are zero in the image, as a kernel's .bss is,
// where the file has it: they are zero in guest memory as it is, and cost nothing
// there until somebody touches them.
func (l *loader) readSparse(addr uint64, im *image, off, n uint64) error {
	const bufferSize = 16 * ram.PageSize // stays in the CPU's cache
	buffer := make([]byte, min(n, bufferSize))
	for n > 0 {
		piece := buffer[:min(n, bufferSize-addr%ram.PageSize)] // whole pages from the second on
		if err := im.read(piece, off); err != nil {
			return err
		}
		off, n = off+uint64(len(piece)), n-uint64(len(piece))
		for len(piece) > 0 {
			page := piece[:min(uint64(len(piece)), ram.PageSize-addr%ram.PageSize)]
			if !bytes.Equal(page, zeros[:len(page)]) {
				if err := l.write(addr, page); err != nil {
					return err
				}
			}
			addr, piece = addr+uint64(len(page)), piece[len(page):]
		}
	}
	return nil
}

// load copies n bytes of the kernel at off to guest memory.
func (l *loader) load(addr uint64, im *image, off, n uint64) error {
	if l.share {
		return l.readSparse(addr, im, off, n)
	}
	return l.read(addr, im, off, n) // to huge pages, where zeros cost nothing more
}

// placeInitrd puts the initrd as high as it fits below top, in whole pages of its own
// and above the kernel, which ends at floor. It returns its address, 0 without one.
func (l *loader) placeInitrd(floor, top uint64) (uint64, error) {
	if l.initrd == nil {
		return 0, nil
	}
	top = min(top, l.ram.LowSize())
	if floor >= top || l.initrd.size > top-floor {
		return 0, l.noRoom(floor, top)
	}
	addr := (top - l.initrd.size) &^ (ram.PageSize - 1)
	if addr < floor {
		return 0, l.noRoom(floor, top)
	}
	return addr, l.read(addr, l.initrd, 0, l.initrd.size)
}

func (l *loader) noRoom(floor, top uint64) error {
	return l.initrd.invalid(moreMemory, "its %d bytes do not fit between the kernel's end at %#x and %#x",
		l.initrd.size, floor, top)
}

// writeCmdline writes the command line, which may have limit bytes without its NUL.
func (l *loader) writeCmdline(limit uint64) error {
	limit = min(limit, cmdlineRoom-1)
	if n := uint64(len(l.cmdline)); n > limit {
		return errdefs.New(errdefs.ErrInvalid, "shorten it",
			"the kernel's command line has %d bytes, and it takes %d", n, limit)
	}
	return l.write(cmdlineAddr, append([]byte(l.cmdline), 0))
}
