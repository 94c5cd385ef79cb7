// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dropCapabilities takes every capability from all threads, each of which makes the
// call for itself. The kernel only reads what the pointers point to; that is on the
// heap, since it is shared between threads, and kept alive until all have made the call.
func dropCapabilities() error {
	head := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	none := new([2]unix.CapUserData)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(head)
	pin.Pin(none)
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(head)), uintptr(unsafe.Pointer(none)), 0)
	if errno != 0 {
		return fmt.Errorf("dropping capabilities: %w", errno)
	}
	return nil
}
