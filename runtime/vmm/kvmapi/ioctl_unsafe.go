// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"unsafe"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// read has the kernel fill *value, whose size is part of the request.
func read[T any](fd int, nr uintptr, value *T) error {
	return pass(fd, gokvm.IIOR(nr, unsafe.Sizeof(*value)), value)
}

// write hands *value to the kernel, whose size is part of the request.
func write[T any](fd int, nr uintptr, value *T) error {
	return pass(fd, gokvm.IIOW(nr, unsafe.Sizeof(*value)), value)
}

// pass makes an ioctl with a pointer to a struct. The kernel uses the pointer only
// until the call returns, and it is converted in the call's own argument list,
// which keeps the struct alive and in its place for that long (package unsafe,
// rule 4).
func pass[T any](fd int, request uintptr, value *T) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(value)))
	if errno != 0 {
		return errno
	}
	return nil
}

// addressOf returns where mem starts in this process, for the kernel to keep.
func addressOf(mem []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
}
