// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Package xstate makes User-Mode Linux run on hosts whose processors have more
// extended state than UML knows, such as those with AMX.
//
// UML (before Linux 6.13) gives PTRACE_SETREGSET with NT_X86_XSTATE a buffer of
// 2,696 bytes, what AVX-512 and PKRU need. The host wants the whole of its own
// XSAVE area, neither more nor less (arch/x86/kernel/fpu/regset.c gives EFAULT),
// and with AMX that is 11,008 bytes: the guest's first process dies. The library
// that Library returns takes the place of the C library's ptrace in the kernel's
// process (ld.so(8), LD_PRELOAD), and there pads the buffer to the size that the
// host wants. The part behind UML's buffer stays zero: components that no
// program of the guest can use, since none has asked the host for them.
//
// It also adds PTRACE_O_EXITKILL to the options that UML sets, so that no process
// of the guest outlives the kernel that traces it: freed from its tracer, its
// system calls would reach the host.
//
// Other calls, and hosts where the sizes agree, get what the C library would do.
package xstate

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// The library's layout, in bytes from its start. The code finds the data page by
// its distance from itself, see ptrace_amd64.s.
const (
	page    = 0x1000
	codeAt  = 1 * page
	dataAt  = 2 * page
	dynAt   = dataAt + 0x40  // behind the words that the code uses
	bufAt   = dataAt + 0x200 // the padded XSAVE area, zero at start
	bufSize = 0x4000
	codeMax = 0x200 // more than the code takes
)

// Library returns the shared object's bytes.
func Library() []byte {
	const (
		ehdr, phdr, sym, rela, dyn = 64, 56, 24, 24, 16
		phdrs                      = 4
		hashAt                     = ehdr + phdrs*phdr
		hashLen                    = 4 * (2 + 1 + 3)
		symAt                      = hashAt + hashLen
		relaAt                     = symAt + 3*sym
		strAt                      = relaAt + rela
	)
	names := "\x00ptrace\x00__errno_location\x00"
	var file bytes.Buffer
	put := func(v any) { binary.Write(&file, binary.LittleEndian, v) } // a Buffer does not fail
	pad := func(to int) { file.Write(make([]byte, to-file.Len())) }

	put(elf.Header64{
		Ident:   [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:    uint16(elf.ET_DYN),
		Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: ehdr, Ehsize: ehdr, Phentsize: phdr, Phnum: phdrs, Shentsize: 64,
	})
	put([phdrs]elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: codeAt + codeMax, Memsz: codeAt + codeMax, Align: page},
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: dataAt, Vaddr: dataAt, Paddr: dataAt,
			Filesz: bufAt - dataAt, Memsz: bufAt - dataAt + bufSize, Align: page},
		{Type: uint32(elf.PT_DYNAMIC), Flags: uint32(elf.PF_R | elf.PF_W), Off: dynAt, Vaddr: dynAt, Paddr: dynAt,
			Filesz: 9 * dyn, Memsz: 9 * dyn, Align: 8},
		{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16},
	})
	// One hash bucket: symbol 1, then 2 (System V ABI, Hash Table).
	put([]uint32{1, 3, 1, 0, 2, 0})
	global := byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC)
	put([3]elf.Sym64{
		{},
		{Name: 1, Info: global, Shndx: 1, Value: codeAt, Size: codeMax},
		{Name: 8, Info: global},
	})
	put(elf.Rela64{Off: dataAt, Info: 2<<32 | uint64(elf.R_X86_64_GLOB_DAT)})
	file.WriteString(names)

	pad(codeAt)
	file.Write(code())
	pad(dynAt)
	put([]elf.Dyn64{
		{Tag: int64(elf.DT_HASH), Val: hashAt},
		{Tag: int64(elf.DT_SYMTAB), Val: symAt},
		{Tag: int64(elf.DT_SYMENT), Val: sym},
		{Tag: int64(elf.DT_STRTAB), Val: strAt},
		{Tag: int64(elf.DT_STRSZ), Val: uint64(len(names))},
		{Tag: int64(elf.DT_RELA), Val: relaAt},
		{Tag: int64(elf.DT_RELASZ), Val: rela},
		{Tag: int64(elf.DT_RELAENT), Val: rela},
		{Tag: int64(elf.DT_NULL)},
	})
	pad(bufAt)
	return file.Bytes()
}
