// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kerneltest makes images for tests that look like kernels and modules
// from outside. None of them runs.
package kerneltest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime"
	"strings"
)

// Segment addresses of the two kinds of kernel: a process, and a guest of a VM.
const (
	ProcessSpace = 0x60000000
	KernelSpace  = 0xffffffff81000000
)

// Image is an ELF file with one loaded segment and named sections.
type Image struct {
	Machine  elf.Machine // this program's architecture when it is zero
	Type     elf.Type
	Address  uint64 // of the segment; without content there is none
	Content  []byte // of the segment
	Sections []Section
}

// Section is a section with content.
type Section struct {
	Name string
	Data []byte
}

// Bytes returns the file: headers, segment, sections, section names and at the
// end the section headers, so that every truncation cuts something off.
func (im Image) Bytes() []byte {
	const headerSize, progSize = 64, 56
	h := elf.Header64{
		Type: uint16(im.Type), Machine: uint16(im.machine()), Version: uint32(elf.EV_CURRENT),
		Ehsize: headerSize, Phentsize: progSize, Shentsize: 64,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)

	var prog, body bytes.Buffer
	begin := uint64(headerSize)
	if len(im.Content) > 0 {
		begin += progSize
		h.Phnum, h.Phoff, h.Entry = 1, headerSize, im.Address
		put(&prog, elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Off: begin, Vaddr: im.Address,
			Filesz: uint64(len(im.Content)), Memsz: uint64(len(im.Content)), Align: 1,
		})
	}
	body.Write(im.Content)
	at := func() uint64 { return begin + uint64(body.Len()) }

	names := "\x00"
	sections := []elf.Section64{{}}
	for _, s := range append(im.Sections[:len(im.Sections):len(im.Sections)], Section{Name: ".shstrtab"}) {
		sh := elf.Section64{Name: uint32(len(names)), Type: uint32(elf.SHT_PROGBITS), Off: at(), Size: uint64(len(s.Data)), Addralign: 1}
		names += s.Name + "\x00"
		if s.Name == ".shstrtab" {
			sh.Type, sh.Size = uint32(elf.SHT_STRTAB), uint64(len(names))
			s.Data = []byte(names)
		}
		body.Write(s.Data)
		sections = append(sections, sh)
	}
	h.Shoff, h.Shnum, h.Shstrndx = at(), uint16(len(sections)), uint16(len(sections)-1)

	var out bytes.Buffer
	put(&out, h)
	out.Write(prog.Bytes())
	out.Write(body.Bytes())
	put(&out, sections)
	return out.Bytes()
}

func (im Image) machine() elf.Machine {
	if im.Machine != 0 {
		return im.Machine
	}
	if runtime.GOARCH == "arm64" {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}

// put appends a structure as it is in a file. Writing to a buffer cannot fail.
func put(b *bytes.Buffer, v any) { _ = binary.Write(b, binary.LittleEndian, v) }

// Banner returns the line with which a kernel of the release introduces itself.
func Banner(release string) []byte {
	return []byte("Linux version %s\x00Linux version " + release + " (nobody@nowhere) (cc) #1\n\x00")
}

// UML returns an image like that of a User-Mode Linux kernel.
func UML(release string, more ...[]byte) []byte {
	content := append(Banner(release), bytes.Join(more, nil)...)
	return Image{Type: elf.ET_EXEC, Address: ProcessSpace, Content: content}.Bytes()
}

// Vmlinux returns an image like that of a kernel for virtual machines, unpacked.
func Vmlinux(release string) []byte {
	return Image{Type: elf.ET_EXEC, Address: KernelSpace, Content: Banner(release)}.Bytes()
}

// Module returns an image like that of a loadable module. Each info is one
// key=value of its .modinfo section.
func Module(info ...string) []byte {
	data := []byte(strings.Join(info, "\x00") + "\x00")
	return Image{Type: elf.ET_REL, Sections: []Section{{Name: ".text"}, {Name: ".modinfo", Data: data}}}.Bytes()
}
