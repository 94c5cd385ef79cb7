// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package ram is a VM's guest memory: a memfd, mapped once, and never touched
// before the guest or something that it asked for touches it.
//
// A PC's devices live below 4 GiB, so guest memory has a hole there: what does not
// fit below HoleStart begins at HighStart. In the file there is no hole.
//
// Parts of it can be huge pages of this process alone (HugePages), since few hosts let
// a memfd have any. Other processes that map File do not see them.
package ram

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
)

// Guest addresses and sizes, in bytes.
const (
	PageSize     = 1 << 12
	HugePageSize = 2 << 20
	HoleStart    = 0xc000_0000 // low memory ends here at the latest
	HighStart    = 1 << 32     // the rest begins here
	maxSize      = 1 << 46     // with 4-level paging a process has no room for more
	// hugeFrom is the size from which guest memory asks for huge pages. A large VM
	// gains from them: fewer faults, shorter page walks. A small one would pay: its
	// boot touches single pages all over, and each would take 2 MiB of the host.
	hugeFrom = 2 << 30
)

// Region is one piece of guest memory that is contiguous for the guest.
type Region struct {
	Addr   uint64 // guest address of Mem[0]
	Mem    []byte // a mapping: not to be used after Close
	Offset int64  // of Mem[0] in File, bytes
}

// RAM is guest memory. Its methods may be called from any goroutine.
type RAM struct {
	file    *os.File
	mapping []byte // all of file
	regions []Region
	memory  *guestmem.Memory

	mu      sync.Mutex
	closed  bool
	private []span // what is not File's, by rising address, disjoint
}

// New makes guest memory of size bytes, rounded up to whole pages. All of it reads
// as zero. The caller closes it.
func New(size uint64) (*RAM, error) {
	if size == 0 || size > maxSize {
		return nil, errdefs.New(errdefs.ErrInvalid, "choose a size that the host has",
			"a VM cannot have %d bytes of memory", size)
	}
	size = (size + PageSize - 1) &^ (PageSize - 1)
	file, err := guestmem.Create("arcbox-ram", size)
	if err != nil {
		return nil, err
	}
	mapping, err := mapAligned(int(file.Fd()), size)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("mapping guest memory: mmap: %w", err)
	}
	r := &RAM{file: file, mapping: mapping}
	if size >= hugeFrom {
		// Only a wish: a kernel without huge pages for shared memory refuses it.
		_ = unix.Madvise(mapping, unix.MADV_HUGEPAGE)
	}
	low := min(size, HoleStart)
	r.regions = []Region{{Addr: 0, Mem: mapping[:low:low]}}
	if size > low {
		r.regions = append(r.regions, Region{Addr: HighStart, Mem: mapping[low:], Offset: int64(low)})
	}
	table := make([]guestmem.Region, len(r.regions))
	for i, g := range r.regions {
		table[i] = guestmem.Region{Addr: g.Addr, Mem: g.Mem}
	}
	if r.memory, err = guestmem.New(table...); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Memory is the table in which guest addresses are looked up.
func (r *RAM) Memory() *guestmem.Memory { return r.memory }

// Regions returns the pieces of guest memory by rising address: what goes into
// memory slots. The caller must not change them.
func (r *RAM) Regions() []Region { return r.regions }

// File is the memfd. It stays r's: whoever maps it in another process duplicates
// the descriptor.
func (r *RAM) File() *os.File { return r.file }

// Size is the guest's memory in bytes.
func (r *RAM) Size() uint64 { return uint64(len(r.mapping)) }

// LowSize is how many bytes of it lie below the hole, from address 0.
func (r *RAM) LowSize() uint64 { return uint64(len(r.regions[0].Mem)) }

// Private returns how many bytes of guest memory are not in File.
func (r *RAM) Private() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var n uint64
	for _, s := range r.private {
		n += s.end - s.start
	}
	return n
}

// Resident returns how many bytes of File exist, in memory or swap. A page exists
// from the first access on, and until it is discarded. Private memory is not counted.
func (r *RAM) Resident() (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, os.ErrClosed
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(r.file.Fd()), &st); err != nil {
		return 0, fmt.Errorf("counting the pages of guest memory: fstat: %w", err)
	}
	const block = 512 // stat(2): the unit of st_blocks
	return uint64(st.Blocks) * block, nil
}

// Close unmaps guest memory and closes its file. Nobody may use it any more: an
// access would kill the process. A second Close does nothing.
func (r *RAM) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := guestmem.Unmap(r.mapping)
	if cerr := r.file.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("closing guest memory: %w", cerr)
	}
	return err
}
