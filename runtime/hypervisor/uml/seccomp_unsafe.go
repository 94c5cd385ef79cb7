// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package uml

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// installFilter puts the filter on the calling thread, for good; no_new_privs must
// be set. The kernel copies the program during the call, so a pointer to a Go
// slice that is kept alive until then is sound.
func installFilter() error {
	p := filter()
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(p)
	if errno != 0 {
		return errno
	}
	return nil
}
