// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// openImage opens a regular file or a block device, locks it against other VMs, and
// returns it with its size in bytes: shared for reading, exclusive for writing. The
// lock goes with the descriptor.
func openImage(path string, readOnly bool) (fd int, size int64, err error) {
	// Not to wait for the other end of a FIFO, which is refused below.
	flags, lock := unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, unix.LOCK_EX
	if readOnly {
		flags, lock = unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, unix.LOCK_SH
	}
	if fd, err = unix.Open(path, flags, 0); err != nil {
		return -1, 0, openError(path, err)
	}
	if size, err = imageSize(fd, path); err == nil {
		err = lockImage(fd, lock, path)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, 0, err
	}
	return fd, size, nil
}

func openError(path string, err error) error {
	class := errdefs.ErrInvalid
	switch {
	case errors.Is(err, fs.ErrNotExist):
		class = errdefs.ErrNotFound
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		class = errdefs.ErrExhausted
	}
	return errdefs.New(class, "", "opening disk %s: %w", path, err)
}

// imageSize finds the size of an open image in bytes.
func imageSize(fd int, path string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("opening disk %s: %w", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return st.Size, nil
	case unix.S_IFBLK:
		size, err := unix.Seek(fd, 0, unix.SEEK_END)
		if err != nil {
			return 0, fmt.Errorf("finding the size of block device %s: %w", path, err)
		}
		return size, nil
	}
	return 0, errdefs.New(errdefs.ErrInvalid, "", "opening disk %s: neither a regular file nor a block device", path)
}

func lockImage(fd, how int, path string) error {
	err := unix.Flock(fd, how|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errdefs.New(errdefs.ErrUnavailable, "stop the VM that uses it", "opening disk %s: another VM has it", path)
	case err != nil:
		return fmt.Errorf("locking disk %s: %w", path, err)
	}
	return nil
}
