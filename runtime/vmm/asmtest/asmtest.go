// SPDX-License-Identifier: MIT OR Apache-2.0

// Package asmtest assembles the guests of a few dozen instructions that tests run on
// KVM. Instructions have the same bytes in 32-bit and in 64-bit mode (Intel SDM
// vol. 2), where addresses are those below 4 GiB.
package asmtest

import "encoding/binary"

// Program is a guest program under construction. Its methods append instructions and
// return the program itself.
type Program struct{ Code []byte }

// Raw appends bytes as they are.
func (p *Program) Raw(b ...byte) *Program { p.Code = append(p.Code, b...); return p }

// Imm appends an opcode of one byte with a 32-bit operand.
func (p *Program) Imm(op byte, v uint32) *Program {
	p.Code = binary.LittleEndian.AppendUint32(append(p.Code, op), v)
	return p
}

func (p *Program) EAX(v uint32) *Program { return p.Imm(0xb8, v) } // mov eax, v
func (p *Program) ECX(v uint32) *Program { return p.Imm(0xb9, v) } // mov ecx, v
func (p *Program) EDX(v uint32) *Program { return p.Imm(0xba, v) } // mov edx, v
func (p *Program) EBX(v uint32) *Program { return p.Imm(0xbb, v) } // mov ebx, v
func (p *Program) ESP(v uint32) *Program { return p.Imm(0xbc, v) } // mov esp, v
func (p *Program) ESI(v uint32) *Program { return p.Imm(0xbe, v) } // mov esi, v
func (p *Program) EDI(v uint32) *Program { return p.Imm(0xbf, v) } // mov edi, v

func (p *Program) Out8() *Program  { return p.Raw(0xee) }       // out dx, al
func (p *Program) Out16() *Program { return p.Raw(0x66, 0xef) } // out dx, ax
func (p *Program) Out32() *Program { return p.Raw(0xef) }       // out dx, eax
func (p *Program) In8() *Program   { return p.Raw(0xec) }       // in al, dx
func (p *Program) In16() *Program  { return p.Raw(0x66, 0xed) } // in ax, dx
func (p *Program) In32() *Program  { return p.Raw(0xed) }       // in eax, dx

func (p *Program) Store8() *Program  { return p.Raw(0x88, 0x07) }       // mov [edi], al
func (p *Program) Store16() *Program { return p.Raw(0x66, 0x89, 0x07) } // mov [edi], ax
func (p *Program) Store32() *Program { return p.Raw(0x89, 0x07) }       // mov [edi], eax
func (p *Program) Load8() *Program   { return p.Raw(0x8a, 0x07) }       // mov al, [edi]
func (p *Program) Load16() *Program  { return p.Raw(0x66, 0x8b, 0x07) } // mov ax, [edi]
func (p *Program) Load32() *Program  { return p.Raw(0x8b, 0x07) }       // mov eax, [edi]

// Poke stores a 32-bit value at an address.
func (p *Program) Poke(addr, v uint32) *Program { return p.EDI(addr).EAX(v).Store32() }

// Tell writes a byte to a port.
func (p *Program) Tell(port uint16, v byte) *Program {
	return p.EDX(uint32(port)).EAX(uint32(v)).Out8()
}

func (p *Program) HLT() *Program { return p.Raw(0xf4) }
func (p *Program) CLI() *Program { return p.Raw(0xfa) }
func (p *Program) STI() *Program { return p.Raw(0xfb) }

// Spin loops on itself for ever.
func (p *Program) Spin() *Program { return p.Raw(0xeb, 0xfe) } // jmp $

// Opcodes of jumps with an 8-bit displacement.
const (
	JMP = 0xeb
	JZ  = 0x74
	JNZ = 0x75
)

// Here is a place to jump back to.
func (p *Program) Here() int { return len(p.Code) }

// Back jumps to a place, less than 128 bytes back, by the jump with that opcode.
func (p *Program) Back(op byte, to int) *Program {
	return p.Raw(op, byte(to-len(p.Code)-2))
}

// Skip jumps over what skipped appends, less than 128 bytes, by the jump with that
// opcode.
func (p *Program) Skip(op byte, skipped func()) *Program {
	p.Raw(op, 0)
	from := len(p.Code)
	skipped()
	p.Code[from-1] = byte(len(p.Code) - from)
	return p
}
