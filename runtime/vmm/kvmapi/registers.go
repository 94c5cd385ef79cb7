// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import gokvm "github.com/bobuhiro11/gokvm/kvm"

const (
	nrGetRegs      = 0x81
	nrSetRegs      = 0x82
	nrGetSregs     = 0x83
	nrSetSregs     = 0x84
	nrGetFPU       = 0x8c
	nrSetFPU       = 0x8d
	nrGetLAPIC     = 0x8e
	nrSetLAPIC     = 0x8f
	nrGetMPState   = 0x98
	nrSetMPState   = 0x99
	nrGetEvents    = 0x9f
	nrSetEvents    = 0xa0
	nrGetDebugRegs = 0xa1
	nrSetDebugRegs = 0xa2
	nrGetXCRs      = 0xa6
	nrSetXCRs      = 0xa7
)

// GetRegs reads a vCPU's general purpose registers (KVM_GET_REGS).
func GetRegs(vcpu int, regs *gokvm.Regs) error { return read(vcpu, nrGetRegs, regs) }

// SetRegs writes a vCPU's general purpose registers (KVM_SET_REGS). A port or MMIO
// access that the vCPU has exited with must have been completed before.
func SetRegs(vcpu int, regs *gokvm.Regs) error { return write(vcpu, nrSetRegs, regs) }

// GetSregs reads a vCPU's segments, tables and control registers (KVM_GET_SREGS).
func GetSregs(vcpu int, sregs *gokvm.Sregs) error { return read(vcpu, nrGetSregs, sregs) }

// SetSregs writes them (KVM_SET_SREGS). What KVM itself keeps there, such as the
// APIC's base, is best left as GetSregs gave it.
func SetSregs(vcpu int, sregs *gokvm.Sregs) error { return write(vcpu, nrSetSregs, sregs) }

// FPU is the x87 and SSE state (struct kvm_fpu). XSAVE has all of it and more.
type FPU struct {
	FPR        [8][16]byte
	FCW        uint16
	FSW        uint16
	FTWX       uint8 // abridged tag word, as in the FXSAVE image
	_          uint8
	LastOpcode uint16
	LastIP     uint64
	LastDP     uint64
	XMM        [16][16]byte
	MXCSR      uint32
	_          uint32
}

// GetFPU reads a vCPU's x87 and SSE registers (KVM_GET_FPU).
func GetFPU(vcpu int, fpu *FPU) error { return read(vcpu, nrGetFPU, fpu) }

// SetFPU writes them (KVM_SET_FPU).
func SetFPU(vcpu int, fpu *FPU) error { return write(vcpu, nrSetFPU, fpu) }

// GetLAPIC reads the registers of a vCPU's local APIC (KVM_GET_LAPIC).
func GetLAPIC(vcpu int, lapic *gokvm.LAPICState) error { return read(vcpu, nrGetLAPIC, lapic) }

// SetLAPIC writes them (KVM_SET_LAPIC). The APIC's base, in Sregs, comes before,
// for it says whether they are those of an x2APIC.
func SetLAPIC(vcpu int, lapic *gokvm.LAPICState) error { return write(vcpu, nrSetLAPIC, lapic) }

// GetMPState says whether a vCPU runs, is halted or waits to be started
// (KVM_GET_MP_STATE); gokvm has the values.
func GetMPState(vcpu int) (uint32, error) {
	var mp gokvm.MPState
	err := read(vcpu, nrGetMPState, &mp)
	return mp.State, err
}

// SetMPState changes it (KVM_SET_MP_STATE).
func SetMPState(vcpu int, state uint32) error {
	return write(vcpu, nrSetMPState, &gokvm.MPState{State: state})
}

// GetEvents reads what exceptions, interrupts and NMIs a vCPU is about to take
// (KVM_GET_VCPU_EVENTS).
func GetEvents(vcpu int, events *gokvm.VCPUEvents) error { return read(vcpu, nrGetEvents, events) }

// SetEvents writes it (KVM_SET_VCPU_EVENTS); Flags say which of it counts.
func SetEvents(vcpu int, events *gokvm.VCPUEvents) error { return write(vcpu, nrSetEvents, events) }

// GetDebugRegs reads a vCPU's debug registers (KVM_GET_DEBUGREGS).
func GetDebugRegs(vcpu int, regs *gokvm.DebugRegs) error { return read(vcpu, nrGetDebugRegs, regs) }

// SetDebugRegs writes them (KVM_SET_DEBUGREGS).
func SetDebugRegs(vcpu int, regs *gokvm.DebugRegs) error { return write(vcpu, nrSetDebugRegs, regs) }

// GetXCRs reads a vCPU's extended control registers (KVM_GET_XCRS).
func GetXCRs(vcpu int, xcrs *gokvm.XCRS) error { return read(vcpu, nrGetXCRs, xcrs) }

// SetXCRs writes them (KVM_SET_XCRS). They come before XSAVE, which they govern.
func SetXCRs(vcpu int, xcrs *gokvm.XCRS) error { return write(vcpu, nrSetXCRs, xcrs) }
