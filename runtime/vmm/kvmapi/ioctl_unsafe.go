// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"sync/atomic"
	"unsafe"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

// read has the kernel fill *value, whose size is part of the request.
func read[T any](fd int, nr uintptr, value *T) error {
	_, err := pass(fd, gokvm.IIOR(nr, unsafe.Sizeof(*value)), value)
	return err
}

// write hands *value to the kernel, whose size is part of the request.
func write[T any](fd int, nr uintptr, value *T) error {
	_, err := pass(fd, gokvm.IIOW(nr, unsafe.Sizeof(*value)), value)
	return err
}

// exchange hands *value to the kernel, which changes it.
func exchange[T any](fd int, nr uintptr, value *T) error {
	_, err := pass(fd, gokvm.IIOWR(nr, unsafe.Sizeof(*value)), value)
	return err
}

// pass makes an ioctl with a pointer to a struct, and returns its result. The
// kernel uses the pointer only until the call returns, and it is converted in the
// call's own argument list, which keeps the struct alive and in its place for that
// long (package unsafe, rule 4).
func pass[T any](fd int, request uintptr, value *T) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(value)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// addressOf returns where a slice's first element is in this process, as a number for
// the kernel. That neither keeps the slice alive nor in its place: it comes from mmap,
// or is pinned for as long as the kernel uses it.
func addressOf[T any](s []T) uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s))))
}

// controlWord returns the run page's first four bytes, which threads other than
// the vCPU's write: only an atomic access to them is sound. The page comes from
// mmap, so that the word is aligned, and it is not the garbage collector's.
func (p RunPage) controlWord() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(p)))
}
