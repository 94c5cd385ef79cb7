// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package seccomp

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Install puts the program on the calling thread, for good, or on all threads of
// the process, together with no_new_privs, which the calling thread must have.
// Threads and processes that are made later have it, too.
//
// The kernel copies the program during the call, so a pointer to a Go slice that is
// kept alive until then is sound.
func Install(program []unix.SockFilter, allThreads bool) error {
	var flags uintptr
	if allThreads {
		flags = unix.SECCOMP_FILTER_FLAG_TSYNC
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(program)
	switch {
	case errno != 0:
		return errno
	case thread != 0:
		return fmt.Errorf("thread %d has a filter of its own", thread) // seccomp(2), SECCOMP_FILTER_FLAG_TSYNC
	}
	return nil
}
