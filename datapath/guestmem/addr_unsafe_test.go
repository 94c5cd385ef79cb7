// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import "unsafe"

// addrOf is the address of b[0] as a number, to compare it with a fault's.
func addrOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
