// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"errors"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/virtio/iovec"
)

// File is a disk that is a regular file or a block device.
type File struct {
	fd       int
	size     int64 // bytes
	readOnly bool
}

// OpenFile opens a disk image or a block device. Its size must be a multiple of
// SectorSize and not 0. While it is open, nobody else can open it in a way that does
// not agree with this one: many may read, or one may write. The error matches
// errdefs.ErrUnavailable if another VM has it, errdefs.ErrNotFound if there is no
// such file, and errdefs.ErrInvalid if it cannot be a disk.
func OpenFile(path string, readOnly bool) (*File, error) {
	fd, size, err := openImage(path, readOnly)
	if err != nil {
		return nil, err
	}
	if size == 0 || size%SectorSize != 0 {
		_ = unix.Close(fd)
		return nil, errdefs.New(errdefs.ErrInvalid, "", "opening disk %s: its size of %d bytes is not a multiple of %d",
			path, size, SectorSize)
	}
	return &File{fd: fd, size: size, readOnly: readOnly}, nil
}

// Size is the disk's size in bytes at the time it was opened.
func (f *File) Size() int64 { return f.size }

// ReadOnly says how the disk was opened.
func (f *File) ReadOnly() bool { return f.readOnly }

// Readv fills bufs from offset off.
func (f *File) Readv(bufs []guestmem.Segment, off int64) error {
	_, err := iovec.Preadv(f.fd, bufs, off)
	return err
}

// Writev writes bufs at offset off.
func (f *File) Writev(bufs []guestmem.Segment, off int64) error {
	_, err := iovec.Pwritev(f.fd, bufs, off)
	return err
}

// Flush makes data durable, and what of the metadata is needed to find it.
func (f *File) Flush() error {
	return again(func() error { return unix.Fdatasync(f.fd) })
}

// Discard punches a hole. Where the host cannot, the range stays as it is.
func (f *File) Discard(off, n int64) error {
	err := f.allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if cannot(err) {
		return nil
	}
	return err
}

// WriteZeroes lets the file system zero the range where it can, by a hole if unmap
// is set, and else writes zeros.
func (f *File) WriteZeroes(off, n int64, unmap bool) error {
	if unmap {
		err := f.allocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		if !cannot(err) {
			return err
		}
	}
	err := f.allocate(unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if cannot(err) {
		return f.zero(off, n)
	}
	return err
}

// allocate calls fallocate, which block devices know as well.
func (f *File) allocate(mode uint32, off, n int64) error {
	if n == 0 {
		return nil // fallocate refuses that
	}
	return again(func() error { return unix.Fallocate(f.fd, mode, off, n) })
}

// cannot reports whether err says that a file system, or a block device whose blocks
// are larger than sectors, cannot do what was asked.
func cannot(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}

// zeros is what zero writes.
var zeros [64 << 10]byte

func (f *File) zero(off, n int64) error {
	var bufs [iovec.Max]guestmem.Segment
	for n > 0 {
		var list []guestmem.Segment
		size := int64(0)
		for list = bufs[:0]; len(list) < iovec.Max && size < n; {
			b := zeros[:min(int64(len(zeros)), n-size)]
			list = append(list, guestmem.SegmentOf(b))
			size += int64(len(b))
		}
		if err := f.Writev(list, off); err != nil {
			return err
		}
		off += size
		n -= size
	}
	return nil
}

// Close closes the file, and with it lets go of the lock.
func (f *File) Close() error { return unix.Close(f.fd) }

// again calls f until no signal interrupts it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
