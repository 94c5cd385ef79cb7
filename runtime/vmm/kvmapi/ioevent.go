// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

const nrIOEventFD = 0x79

// ioeventfd is struct kvm_ioeventfd.
type ioeventfd struct {
	match uint64
	addr  uint64
	size  uint32
	fd    int32
	flags uint32
	_     [36]byte
}

const ioeventMatch = 1 << 0 // KVM_IOEVENTFD_FLAG_DATAMATCH

// AssignIOEvent has each of the guests' writes of match, in size bytes (1, 2, 4 or 8),
// to the physical address addr signal eventfd instead of ending Run (KVM_IOEVENTFD).
func AssignIOEvent(vm, eventfd int, addr uint64, size uint32, match uint64) error {
	return write(vm, nrIOEventFD, &ioeventfd{match: match, addr: addr, size: size, fd: int32(eventfd), flags: ioeventMatch})
}
