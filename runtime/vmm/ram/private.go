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

// HugePages takes huge pages of the host, where it has them, for n bytes at addr: both
// are multiples of HugePageSize. One fault brings 2 MiB then, all of it resident, which
// pays where nearly all will be touched. File has no part in it: the memory is this
// process's alone. What was there is lost; all reads as zero.
func (r *RAM) HugePages(addr, n uint64) error {
	mem, err := r.pages(addr, n)
	if err == nil && (addr%HugePageSize != 0 || n%HugePageSize != 0) {
		err = errUnaligned
	}
	if err != nil {
		return fmt.Errorf("taking huge pages for %#x bytes at guest address %#x: %w", n, addr, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("taking huge pages for guest memory: %w", os.ErrClosed)
	}
	s := span{addr, addr + n}
	after := insert(subtract(r.private, s), s)
	if len(after) > maxSpans {
		return fmt.Errorf("taking huge pages for guest memory: more than %d pieces", maxSpans)
	}
	if err := remap(mem, -1, 0, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err != nil {
		return fmt.Errorf("taking huge pages for guest memory: mmap: %w", err)
	}
	_ = unix.Madvise(mem, unix.MADV_HUGEPAGE) // a wish: a kernel without them refuses it
	r.private = after
	return nil
}

// Discard gives n bytes at addr back to the host, both multiples of the page size.
// They read as zero until they are written again. Pages that were this process's alone
// become pages of File by it; but if that left more pieces of the others than a process
// should have mappings for, they stay as they are. Both is what a balloon may do with a
// page that the guest gave it (virtio 1.2 §5.5.6). A range that is not in guest memory
// is refused.
func (r *RAM) Discard(addr, n uint64) error {
	if _, err := r.pages(addr, n); err != nil {
		return fmt.Errorf("discarding %#x bytes at guest address %#x: %w", n, addr, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("discarding guest memory: %w", os.ErrClosed)
	}
	// What File has there goes first, so that it shows zeros wherever it comes back.
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	if err := unix.Fallocate(int(r.file.Fd()), mode, r.offset(addr), int64(n)); err != nil {
		return fmt.Errorf("discarding guest memory: fallocate: %w", err)
	}
	for _, s := range intersect(r.private, span{addr, addr + n}) {
		after := subtract(r.private, s)
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
		r.private = after
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
