// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import "encoding/binary"

// asm is a guest program under construction. Its instructions have the same bytes in
// 32-bit and in 64-bit mode (Intel SDM vol. 2).
type asm struct{ code []byte }

// raw appends bytes as they are.
func (a *asm) raw(b ...byte) *asm { a.code = append(a.code, b...); return a }

func (a *asm) imm(op byte, v uint32) *asm {
	a.code = binary.LittleEndian.AppendUint32(append(a.code, op), v)
	return a
}

func (a *asm) eax(v uint32) *asm { return a.imm(0xb8, v) } // mov eax, v
func (a *asm) ecx(v uint32) *asm { return a.imm(0xb9, v) } // mov ecx, v
func (a *asm) edx(v uint32) *asm { return a.imm(0xba, v) } // mov edx, v
func (a *asm) esp(v uint32) *asm { return a.imm(0xbc, v) } // mov esp, v
func (a *asm) esi(v uint32) *asm { return a.imm(0xbe, v) } // mov esi, v
func (a *asm) edi(v uint32) *asm { return a.imm(0xbf, v) } // mov edi, v

func (a *asm) out8() *asm  { return a.raw(0xee) }       // out dx, al
func (a *asm) out16() *asm { return a.raw(0x66, 0xef) } // out dx, ax
func (a *asm) out32() *asm { return a.raw(0xef) }       // out dx, eax
func (a *asm) in8() *asm   { return a.raw(0xec) }       // in al, dx
func (a *asm) in16() *asm  { return a.raw(0x66, 0xed) } // in ax, dx
func (a *asm) in32() *asm  { return a.raw(0xed) }       // in eax, dx

func (a *asm) store8() *asm  { return a.raw(0x88, 0x07) }       // mov [edi], al
func (a *asm) store16() *asm { return a.raw(0x66, 0x89, 0x07) } // mov [edi], ax
func (a *asm) store32() *asm { return a.raw(0x89, 0x07) }       // mov [edi], eax
func (a *asm) load8() *asm   { return a.raw(0x8a, 0x07) }       // mov al, [edi]
func (a *asm) load16() *asm  { return a.raw(0x66, 0x8b, 0x07) } // mov ax, [edi]
func (a *asm) load32() *asm  { return a.raw(0x8b, 0x07) }       // mov eax, [edi]

// poke stores a 32-bit value at an address.
func (a *asm) poke(addr, v uint32) *asm { return a.edi(addr).eax(v).store32() }

// tell writes a byte to a port.
func (a *asm) tell(port uint16, v byte) *asm { return a.edx(uint32(port)).eax(uint32(v)).out8() }

func (a *asm) hlt() *asm { return a.raw(0xf4) }
func (a *asm) cli() *asm { return a.raw(0xfa) }
func (a *asm) sti() *asm { return a.raw(0xfb) }

// spin loops on itself for ever.
func (a *asm) spin() *asm { return a.raw(0xeb, 0xfe) } // jmp $

// here is a place to jump back to.
func (a *asm) here() int { return len(a.code) }

// back jumps to a place by a jump with that opcode and 8-bit displacement.
func (a *asm) back(op byte, to int) *asm {
	return a.raw(op, byte(to-len(a.code)-2))
}

const (
	jmp = 0xeb
	jz  = 0x74
	jnz = 0x75
)
