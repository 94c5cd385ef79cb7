// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import "golang.org/x/sys/unix"

const nrIOEventFD = 0x79

// IOEvent is a guest's write that signals an eventfd and does not exit.
type IOEvent struct {
	Port  bool // Addr is a port, not a physical address
	Addr  uint64
	Size  uint32  // bytes of the write: 1, 2, 4 or 8; 0 for any
	Match *uint64 // the value that must be written; nil for any
}

// ioeventfd is struct kvm_ioeventfd.
type ioeventfd struct {
	match uint64
	addr  uint64
	size  uint32
	fd    int32
	flags uint32
	_     [36]byte
}

// Flags of an ioeventfd (KVM_IOEVENTFD_FLAG_…).
const (
	ioeventMatch    = 1 << 0
	ioeventPort     = 1 << 1
	ioeventDeassign = 1 << 2
)

// AssignIOEvent has writes as e describes signal eventfd instead of ending Run
// (KVM_IOEVENTFD).
func AssignIOEvent(vm, eventfd int, e IOEvent) error { return e.set(vm, eventfd, 0) }

// DeassignIOEvent ends that.
func DeassignIOEvent(vm, eventfd int, e IOEvent) error { return e.set(vm, eventfd, ioeventDeassign) }

func (e IOEvent) set(vm, eventfd int, flags uint32) error {
	if eventfd < 0 {
		return unix.EBADF // virtio-ccw's meaning of it is not for here
	}
	value := ioeventfd{addr: e.Addr, size: e.Size, fd: int32(eventfd), flags: flags}
	if e.Port {
		value.flags |= ioeventPort
	}
	if e.Match != nil {
		value.flags |= ioeventMatch
		value.match = *e.Match
	}
	return write(vm, nrIOEventFD, &value)
}
