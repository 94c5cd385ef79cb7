// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"os"

	"golang.org/x/sys/unix"
)

// anonymousFile returns a file in memory that ends with its last descriptor.
func anonymousFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
