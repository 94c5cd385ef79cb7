// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

var errUnaligned = errors.New("not whole pages")

// Overlay shows n bytes of f from offset off at guest address addr in place of what
// is there. Address, offset and length are multiples of the page size. The pages are
// f's own until somebody writes to them; f never changes by it.
//
// f must have all these bytes, and must neither be cut nor written to while r is
// open: the guest would see it, or fault. The descriptor may be closed at once.
// After an error that came from the mapping itself, r can only be closed.
func (r *RAM) Overlay(addr uint64, f *os.File, off int64, n uint64) error {
	mem, err := r.pages(addr, n)
	if err == nil && (off < 0 || off%PageSize != 0) {
		err = errUnaligned
	}
	if err != nil {
		return fmt.Errorf("laying a file over %#x bytes at guest address %#x: %w", n, addr, err)
	}
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("laying a file over guest memory: %w", err)
	}
	if size := st.Size(); off > size || n > uint64(size-off) {
		return fmt.Errorf("laying a file over guest memory: it has %d bytes, not %d from %d", size, n, off)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("laying a file over guest memory: %w", os.ErrClosed)
	}
	s := span{addr, addr + n}
	after := insert(subtract(r.overlaid, s), s)
	if len(after) > maxSpans {
		return fmt.Errorf("laying a file over guest memory: more than %d pieces", maxSpans)
	}
	if err := remap(mem, int(f.Fd()), off, unix.MAP_PRIVATE); err != nil {
		return fmt.Errorf("laying a file over guest memory: mmap: %w", err)
	}
	r.overlaid, r.private = after, true
	return nil
}

// Discard gives n bytes at addr back to the host, both multiples of the page size.
// They read as zero until they are written again. Overlaid pages become pages of File
// by it; but if that left more pieces of overlays than a process should have mappings
// for, they stay as they are. Both is what a balloon may do with a page that the guest
// gave it (virtio 1.2 §5.5.6). A range that is not in guest memory is refused.
func (r *RAM) Discard(addr, n uint64) error {
	if _, err := r.pages(addr, n); err != nil {
		return fmt.Errorf("discarding %#x bytes at guest address %#x: %w", n, addr, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("discarding guest memory: %w", os.ErrClosed)
	}
	// What lies below an overlay goes first, so that lifting the overlay shows zeros.
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	if err := unix.Fallocate(int(r.file.Fd()), mode, r.offset(addr), int64(n)); err != nil {
		return fmt.Errorf("discarding guest memory: fallocate: %w", err)
	}
	for _, s := range intersect(r.overlaid, span{addr, addr + n}) {
		after := subtract(r.overlaid, s)
		if len(after) > maxSpans {
			continue
		}
		mem, err := r.pages(s.start, s.end-s.start)
		if err == nil {
			err = remap(mem, int(r.file.Fd()), r.offset(s.start), unix.MAP_SHARED)
		}
		if err != nil {
			return fmt.Errorf("discarding guest memory: mmap: %w", err)
		}
		r.overlaid = after
	}
	return nil
}

// pages returns the n bytes at addr, which must be whole pages of one region.
func (r *RAM) pages(addr, n uint64) ([]byte, error) {
	if n == 0 || addr%PageSize != 0 || n%PageSize != 0 {
		return nil, errUnaligned
	}
	return r.memory.Slice(addr, n)
}

// offset returns where in the file the byte at addr is, which is in guest memory.
func (r *RAM) offset(addr uint64) int64 {
	if addr >= HighStart {
		return int64(addr - HighStart + r.LowSize())
	}
	return int64(addr)
}
