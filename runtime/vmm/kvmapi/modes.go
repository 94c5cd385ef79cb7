// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import gokvm "github.com/bobuhiro11/gokvm/kvm"

// Bits of control registers (Intel SDM vol. 3 §2.5, and §2.2.1 for EFER).
const (
	cr0Protected    = 1 << 0
	cr0Extension    = 1 << 4
	cr0NumericError = 1 << 5
	cr0Paging       = 1 << 31
	cr4PAE          = 1 << 5
	eferLongEnable  = 1 << 8
	eferLongActive  = 1 << 10
)

// ProtectedMode sets the control registers to 32-bit protected mode without paging.
// The segments are the caller's.
func ProtectedMode(s *gokvm.Sregs) {
	s.CR0 = cr0Protected | cr0Extension
	s.CR3, s.CR4, s.EFER = 0, 0, 0
}

// LongMode sets the control registers to 64-bit mode, with 4-level page tables at the
// guest address cr3. The segments are the caller's.
func LongMode(s *gokvm.Sregs, cr3 uint64) {
	s.CR0 = cr0Protected | cr0Extension | cr0NumericError | cr0Paging
	s.CR3, s.CR4, s.EFER = cr3, cr4PAE, eferLongEnable|eferLongActive
}
