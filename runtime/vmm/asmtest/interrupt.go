// SPDX-License-Identifier: MIT OR Apache-2.0

package asmtest

import "encoding/binary"

// Registers of the interrupt controllers (Intel SDM vol. 3 §11.4.1; 82093AA §3.1).
const (
	LAPICEOI      = 0xfee0_00b0
	LAPICSpurious = 0xfee0_00f0
	LAPICICRLow   = 0xfee0_0300
	LAPICICRHigh  = 0xfee0_0310
	IOAPICSelect  = 0xfec0_0000
	IOAPICWindow  = 0xfec0_0010
)

// LAPICOn is what is written to LAPICSpurious to turn a local APIC on.
const LAPICOn = 0x1ff

// Route turns the local APIC on, and has input gsi of the IOAPIC raise the interrupt
// vector on the first vCPU.
func (p *Program) Route(gsi uint32, vector byte) *Program {
	return p.Poke(LAPICSpurious, LAPICOn).
		Poke(IOAPICSelect, 0x10+2*gsi).Poke(IOAPICWindow, uint32(vector)).
		Poke(IOAPICSelect, 0x11+2*gsi).Poke(IOAPICWindow, 0)
}

// LGDT and LIDT load a table, by the operand that PutTable has written to addr.
func (p *Program) LGDT(addr uint32) *Program { return p.EDI(addr).Raw(0x0f, 0x01, 0x17) } // lgdt [rdi]
func (p *Program) LIDT(addr uint32) *Program { return p.EDI(addr).Raw(0x0f, 0x01, 0x1f) } // lidt [rdi]

// IRET64 returns from an interrupt in 64-bit mode.
func (p *Program) IRET64() *Program { return p.Raw(0x48, 0xcf) } // iretq

// PutTable writes the operand of LGDT or LIDT to guest memory: the table's size in
// bytes, less 1, and its address.
func PutTable(operand []byte, size uint16, addr uint64) {
	binary.LittleEndian.PutUint16(operand, size-1)
	binary.LittleEndian.PutUint64(operand[2:], addr)
}

// GateSize is the size in bytes of an entry in an interrupt table of 64-bit mode.
const GateSize = 16

// PutGate writes the gate of an interrupt to such an entry. The handler is below
// 64 KiB, in the code segment of that selector, and runs with interrupts off.
func PutGate(gate []byte, handler uint16, selector uint16) {
	const presentInterrupt = 0x8e // Intel SDM vol. 3 §6.14.1
	binary.LittleEndian.PutUint64(gate, uint64(handler)|uint64(selector)<<16|presentInterrupt<<40)
}
