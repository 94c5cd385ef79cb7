// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
)

const elfMagic = elf.ELFMAG

// maxHeaders bounds the program and section headers of an image, each.
const maxHeaders = 4096

// kernelSpace is where kernels for virtual machines are linked: in the upper half
// of the address space, where no process can have anything.
const kernelSpace = 1 << 63

// checkELF checks that an image of so many bytes is an ELF64 executable for this
// host's architecture with all that its headers promise inside it. vm asks for a
// kernel for virtual machines, and otherwise for one that is a process.
func checkELF(r io.ReaderAt, size int64, vm bool) error {
	var h elf.Header64
	if err := readStruct(r, size, 0, &h); err != nil {
		return fmt.Errorf("%w: it has %d bytes", errTruncated, size)
	}
	switch {
	case string(h.Ident[:4]) != elfMagic:
		return fmt.Errorf("%w: it is no ELF file", errFormat)
	case elf.Class(h.Ident[elf.EI_CLASS]) != elf.ELFCLASS64 || elf.Data(h.Ident[elf.EI_DATA]) != elf.ELFDATA2LSB,
		elf.Machine(h.Machine) != hostMachine():
		return fmt.Errorf("%w: it is for %v, this host needs %v", errArch, elf.Machine(h.Machine), hostMachine())
	case elf.Type(h.Type) != elf.ET_EXEC && elf.Type(h.Type) != elf.ET_DYN:
		return fmt.Errorf("%w: it is no executable", errFormat)
	case h.Phnum == 0 || h.Phnum > maxHeaders || h.Shnum > maxHeaders:
		return fmt.Errorf("%w: it has %d segments and %d sections", errFormat, h.Phnum, h.Shnum)
	}
	loadable := false
	for i := range uint64(h.Phnum) {
		var p elf.Prog64
		if err := readStruct(r, size, h.Phoff+i*uint64(h.Phentsize), &p); err != nil {
			return fmt.Errorf("%w: its segment table lies beyond its end", errTruncated)
		}
		if elf.ProgType(p.Type) != elf.PT_LOAD {
			continue
		}
		if !inside(p.Off, p.Filesz, size) {
			return fmt.Errorf("%w: segment %d lies beyond its end", errTruncated, i)
		}
		if (p.Vaddr >= kernelSpace) != vm && p.Memsz > 0 && p.Vaddr != 0 {
			return fmt.Errorf("%w: %s", errFormat, map[bool]string{
				true: "it is a User-Mode Linux kernel", false: "it is a kernel for virtual machines"}[vm])
		}
		loadable = true
	}
	if !loadable {
		return fmt.Errorf("%w: it has nothing to load", errFormat)
	}
	for i := range uint64(h.Shnum) {
		var s elf.Section64
		if err := readStruct(r, size, h.Shoff+i*uint64(h.Shentsize), &s); err != nil {
			return fmt.Errorf("%w: its section table lies beyond its end", errTruncated)
		}
		t := elf.SectionType(s.Type)
		if t != elf.SHT_NOBITS && t != elf.SHT_NULL && !inside(s.Off, s.Size, size) {
			return fmt.Errorf("%w: section %d lies beyond its end", errTruncated, i)
		}
	}
	return nil
}

// hostMachine returns the ELF machine of this program's architecture.
func hostMachine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	case "riscv64":
		return elf.EM_RISCV
	}
	return elf.EM_NONE
}

// inside says whether n bytes at off lie within size.
func inside(off, n uint64, size int64) bool {
	return off <= uint64(size) && n <= uint64(size)-off
}

// readStruct reads a little-endian structure at off, which must lie within size.
func readStruct(r io.ReaderAt, size int64, off uint64, v any) error {
	buf := make([]byte, binary.Size(v))
	if !inside(off, uint64(len(buf)), size) {
		return io.ErrUnexpectedEOF
	}
	if _, err := r.ReadAt(buf, int64(off)); err != nil && err != io.EOF {
		return err
	}
	_, err := binary.Decode(buf, binary.LittleEndian, v)
	return err
}
