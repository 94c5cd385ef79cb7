// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package guestmem

import (
	"fmt"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MapFile maps size bytes of a file at offset, shared, for reading and writing,
// and reserves no swap space for them. The offset need not be a multiple of the
// page size. A regular file must be long enough now; if it is cut later, touching
// what is gone faults (see Guard). The result is unmapped by Unmap. The
// descriptor may be closed at once.
func MapFile(fd int, offset int64, size uint64) ([]byte, error) {
	page := uint64(os.Getpagesize())
	if size == 0 || size > math.MaxInt-page {
		return nil, fmt.Errorf("mapping guest memory: bad size %#x", size)
	}
	if offset < 0 || uint64(offset) > math.MaxInt64-size {
		return nil, fmt.Errorf("mapping guest memory: bad offset %#x for %#x bytes", offset, size)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("mapping guest memory: fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG && uint64(offset)+size > uint64(st.Size) {
		return nil, fmt.Errorf("mapping guest memory: %#x bytes at offset %#x are beyond the file's end at %#x",
			size, offset, st.Size)
	}
	lead := uint64(offset) % page
	p, err := unix.MmapPtr(fd, offset-int64(lead), nil, uintptr(lead+size),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("mapping guest memory: mmap: %w", err)
	}
	// The mapping holds lead+size bytes from p on, lies outside Go's heap, and is
	// left alone by the collector. The slice ends where the mapping was asked to end.
	return unsafe.Slice((*byte)(unsafe.Add(p, lead)), size), nil
}

// Unmap removes a mapping made by MapFile, given the slice that it returned.
// Nobody may use the memory any more: an access would kill the process.
func Unmap(mem []byte) error {
	if len(mem) == 0 {
		return fmt.Errorf("unmapping guest memory: empty slice")
	}
	p := unsafe.Pointer(unsafe.SliceData(mem))
	// MapFile mapped whole pages; the slice begins in the first of them.
	lead := uintptr(p) % uintptr(os.Getpagesize())
	if err := unix.MunmapPtr(unsafe.Add(p, -int(lead)), lead+uintptr(len(mem))); err != nil {
		return fmt.Errorf("unmapping guest memory: munmap: %w", err)
	}
	return nil
}
