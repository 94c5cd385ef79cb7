// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import "arcbox.dev/datapath/guestmem"

// SectorSize is the unit of addresses and sizes in the protocol, in bytes, whatever
// a disk's block size is (virtio 1.2 §5.2).
const SectorSize = 512

// Disk is what a device reads and writes. Its methods are called by several
// goroutines at once, with offsets and lengths in bytes that are multiples of
// SectorSize and within the disk. The buffers are guest memory.
type Disk interface {
	// Size is the size in bytes, a multiple of SectorSize. It never changes.
	Size() int64
	// ReadOnly says that nothing may be written; only Readv, Flush and Close are
	// called then.
	ReadOnly() bool
	// Readv fills bufs from offset off.
	Readv(bufs []guestmem.Segment, off int64) error
	// Writev writes bufs at offset off.
	Writev(bufs []guestmem.Segment, off int64) error
	// Flush makes what was written before it durable.
	Flush() error
	// Discard says that n bytes at off are not needed any more; they may read as
	// anything the guest wrote there, or zeros.
	Discard(off, n int64) error
	// WriteZeroes makes n bytes at off read as zeros. With unmap it may give their
	// space back to the host, without it keeps the space.
	WriteZeroes(off, n int64, unmap bool) error
	// Close frees the disk. Nothing else is called afterwards.
	Close() error
}
