// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package xstate

import "unsafe"

// codeAddress returns where ptrace_amd64.s has its code in this program.
func codeAddress() unsafe.Pointer

// code returns the machine code of the library's ptrace. It is position-independent
// and at most codeMax bytes long; what follows it in this program's text is read
// along and never executed. Reading our own text is sound: it is mapped and constant.
func code() []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(codeAddress()), codeMax)...)
}
