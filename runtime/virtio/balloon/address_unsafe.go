// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"unsafe"

	"arcbox.dev/datapath/guestmem"
)

// address returns the guest address of a piece of guest memory: a chain has its
// buffers as bytes of this process, but it is the guest's address that says which
// pages they are. The pointers are compared as numbers and never made from them, and
// nothing moves: guest memory is mapped, and Go's own does not move on the heap.
func address(m *guestmem.Memory, b []byte) (addr uint64, ok bool) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	for _, r := range m.Regions() {
		base := uintptr(unsafe.Pointer(unsafe.SliceData(r.Mem)))
		if at >= base && at-base < uintptr(len(r.Mem)) && uintptr(len(b)) <= uintptr(len(r.Mem))-(at-base) {
			return r.Addr + uint64(at-base), true
		}
	}
	return 0, false
}
