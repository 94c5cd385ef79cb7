// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Create makes an anonymous file of size bytes to serve as guest memory. It takes
// no memory until it is touched, and is sealed against changes of its size, so
// that whoever gets the descriptor cannot pull memory from under this process.
// The name shows in /proc only.
func Create(name string, size uint64) (*os.File, error) {
	if size == 0 || size > math.MaxInt64 {
		return nil, fmt.Errorf("creating guest memory: bad size %#x", size)
	}
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("creating guest memory: memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		f.Close()
		return nil, fmt.Errorf("creating guest memory of %#x bytes: ftruncate: %w", size, err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("creating guest memory: sealing its size: %w", err)
	}
	return f, nil
}
