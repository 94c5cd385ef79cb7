// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"encoding/binary"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
)

// ExitSystemEvent is KVM_EXIT_SYSTEM_EVENT, which gokvm has no constant for: the guest
// asks for the VM's end or restart by way of KVM.
const ExitSystemEvent gokvm.ExitType = 24

// PortIO is a guest's access to a port, one or, by a string instruction, many of
// the same size. It is read from Data or, for input, to be written to it.
type PortIO struct {
	Port uint16
	Out  bool
	Size int    // bytes of one access: 1, 2 or 4
	Data []byte // all accesses, in the run page itself
}

// PortIO returns the access that Run exited with (EXITIO). The next Run completes
// it. It is zero if what the page says cannot be.
func (p RunPage) PortIO() PortIO {
	e := p[exitOffset:]
	size, count := uint64(e[1]), uint64(binary.NativeEndian.Uint32(e[4:]))
	start := binary.NativeEndian.Uint64(e[8:])
	length := size * count // below 2^40
	if size == 0 || start > uint64(len(p)) || length > uint64(len(p))-start {
		return PortIO{}
	}
	return PortIO{
		Port: binary.NativeEndian.Uint16(e[2:]),
		Out:  e[0] == gokvm.EXITIOOUT,
		Size: int(size),
		Data: p[start : start+length : start+length],
	}
}

// MMIO is a guest's access to a physical address that is no memory.
type MMIO struct {
	Addr  uint64
	Write bool
	Data  []byte // 1 to 8 bytes, in the run page itself
}

// MMIO returns the access that Run exited with (EXITMMIO). The next Run completes it.
func (p RunPage) MMIO() MMIO {
	e := p[exitOffset:]
	n := min(binary.NativeEndian.Uint32(e[16:]), 8)
	return MMIO{
		Addr:  binary.NativeEndian.Uint64(e),
		Write: e[20] != 0,
		Data:  e[8 : 8+n : 8+n],
	}
}

// What a system event is about (KVM_SYSTEM_EVENT_…).
const (
	EventShutdown = 1
	EventReset    = 2
	EventCrash    = 3
)

// SystemEvent returns the type of the event that Run exited with (ExitSystemEvent).
func (p RunPage) SystemEvent() uint32 { return binary.NativeEndian.Uint32(p[exitOffset:]) }

// FailEntry returns why the CPU, which has that number on the host, refused to
// enter the guest (EXITFAILENTRY); the reason is the CPU's own code.
func (p RunPage) FailEntry() (reason uint64, cpu uint32) {
	e := p[exitOffset:]
	return binary.NativeEndian.Uint64(e), binary.NativeEndian.Uint32(e[8:])
}

// Reasons of an internal error (KVM_INTERNAL_ERROR_…).
const (
	ErrorEmulation       = 1
	ErrorSimultaneous    = 2
	ErrorDelivery        = 3
	ErrorUnexpectedExit  = 4
	maxInternalErrorData = 16
)

// InternalError returns what KVM could not do (EXITINTERNALERROR), and the words
// that it says about it, whose meaning depends on that.
func (p RunPage) InternalError() (reason uint32, data []uint64) {
	e := p[exitOffset:]
	n := min(binary.NativeEndian.Uint32(e[4:]), maxInternalErrorData)
	for i := range n {
		data = append(data, binary.NativeEndian.Uint64(e[8+8*i:]))
	}
	return binary.NativeEndian.Uint32(e), data
}
