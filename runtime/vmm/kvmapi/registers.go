// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import gokvm "github.com/bobuhiro11/gokvm/kvm"

const (
	nrGetRegs  = 0x81
	nrSetRegs  = 0x82
	nrGetSregs = 0x83
	nrSetSregs = 0x84
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
