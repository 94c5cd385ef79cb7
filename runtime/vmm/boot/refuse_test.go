// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"debug/elf"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
)

// refuse loads a kernel that must be refused with an error of one line that says so.
func refuse(t *testing.T, size uint64, cfg Config, class error, says string) {
	t.Helper()
	r := newRAM(t, size)
	s, err := Load(r, cfg)
	require.ErrorIs(t, err, class)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "\n")
	require.Zero(t, s)
	var e *errdefs.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Remedy)
}

func TestELFRefused(t *testing.T) {
	const size = 64 * mib
	invalid, corrupt, unsupported := errdefs.ErrInvalid, errdefs.ErrCorrupt, errdefs.ErrNotSupported
	prog := func(i int, change func(*elf.Prog64)) func(*elfFile) {
		return func(e *elfFile) { change(&e.progs[i]) }
	}
	notes := func(b []byte) func(*elfFile) {
		return func(e *elfFile) {
			e.progs[4].Filesz = uint64(len(b))
			copy(e.parts[0].data[notesOff-textOff:], b)
		}
	}
	const extra, text, data, notesProg = 0, 1, 2, 4
	tests := []struct {
		name   string
		change func(*elfFile)
		class  error
		says   string
	}{
		{"other architecture", func(e *elfFile) { e.header.Machine = uint16(elf.EM_AARCH64) }, unsupported, "another architecture"},
		{"no program headers", func(e *elfFile) { e.progs, e.header.Phnum = nil, 0 }, invalid, "0 program headers"},
		{"many program headers", func(e *elfFile) { e.header.Phnum = 65535 }, invalid, "65535 program headers"},
		{"long program headers", func(e *elfFile) { e.header.Phentsize = 64 }, invalid, "program headers have 64 bytes"},
		{"program headers beyond the end", func(e *elfFile) { e.header.Phoff = 1 << 40 }, corrupt, "cut short"},
		{"program headers wrap", func(e *elfFile) { e.header.Phoff = 1<<64 - 56 }, corrupt, "cut short"},
		{"more in the file than in memory", prog(data, func(p *elf.Prog64) { p.Memsz = p.Filesz - 1 }), invalid, "in memory"},
		{"segment beyond the end", prog(data, func(p *elf.Prog64) { p.Off = 1 << 40 }), corrupt, "cut short"},
		{"segment's offset wraps", prog(data, func(p *elf.Prog64) { p.Off = 1<<64 - 1 }), corrupt, "cut short"},
		{"segment of 2^64 bytes", prog(data, func(p *elf.Prog64) { p.Memsz = 1<<64 - 1 }), invalid, "reaches beyond"},
		{"segment wraps to its file's size", prog(data, func(p *elf.Prog64) { p.Memsz = -p.Paddr + dataSize }), invalid, "reaches beyond"},
		{"segment below 1 MiB", prog(text, func(p *elf.Prog64) { p.Paddr = 0xff000 }), invalid, "below 1 MiB"},
		{"segment above memory", prog(text, func(p *elf.Prog64) { p.Paddr = size }), invalid, "reaches beyond"},
		{"segment over memory's end", prog(text, func(p *elf.Prog64) { p.Paddr = size - page }), invalid, "reaches beyond"},
		{"segment at the top of the address space", prog(text, func(p *elf.Prog64) { p.Paddr = 1<<64 - page }), invalid, "reaches beyond"},
		{"segments overlap", prog(text, func(p *elf.Prog64) { p.Paddr = dataAddr + dataMem - 1 }), invalid, "overlap at"},
		{"one segment twice", func(e *elfFile) { e.progs = append(e.progs, e.progs[extra]) }, invalid, "overlap at"},
		{"no segments", func(e *elfFile) { e.progs = e.progs[notesProg:] }, invalid, "in no segment"},
		{"no notes", func(e *elfFile) { e.progs = e.progs[:notesProg] }, unsupported, "without a PVH entry"},
		{"no PVH note", notes(note("Xen\x00", 17, le64(pvhEntry))), unsupported, "without a PVH entry"},
		{"somebody else's note", notes(note("GNU\x00", 18, le64(pvhEntry))), unsupported, "without a PVH entry"},
		{"entry outside", notes(note("Xen\x00", 18, le64(textAddr-1))), invalid, "in no segment"},
		{"entry in zeros", notes(note("Xen\x00", 18, le64(dataAddr+dataSize))), invalid, "in no segment"},
		{"entry above 4 GiB", notes(note("Xen\x00", 18, le64(1<<32+pvhEntry))), invalid, "in no segment"},
		{"entry of 3 bytes", notes(note("Xen\x00", 18, []byte{1, 2, 3})), invalid, "3 bytes, not 4 or 8"},
		{"note's name of 4 GiB", notes([]byte("\xff\xff\xff\xff\x08\x00\x00\x00\x12\x00\x00\x00Xen\x00")), invalid, "beyond its segment"},
		{"note's description of 4 GiB", notes([]byte("\x04\x00\x00\x00\xff\xff\xff\xff\x12\x00\x00\x00Xen\x00")), invalid, "beyond its segment"},
		{"notes beyond the end", prog(notesProg, func(p *elf.Prog64) { p.Off = 1 << 40 }), corrupt, "cut short"},
		{"notes of 2^64 bytes", prog(notesProg, func(p *elf.Prog64) { p.Filesz = 1<<64 - 1 }), invalid, "notes have"},
		{"notes too long", prog(notesProg, func(p *elf.Prog64) { p.Filesz = maxNotes + 1 }), invalid, "notes have"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := vmlinux()
			tt.change(e)
			refuse(t, size, Config{Kernel: fileOf(t, e.bytes())}, tt.class, tt.says)
		})
	}
}

func TestBzImageRefused(t *testing.T) {
	const size = 64 * mib
	invalid, corrupt, unsupported := errdefs.ErrInvalid, errdefs.ErrCorrupt, errdefs.ErrNotSupported
	tests := []struct {
		name   string
		change func(*bzFile)
		class  error
		says   string
	}{
		{"boot flag", func(f *bzFile) { f.put16(0x1fe, 0) }, invalid, "boot flag"},
		{"very old protocol", func(f *bzFile) { f.put16(0x206, 0x0205) }, invalid, "old protocol"},
		{"old protocol", func(f *bzFile) { f.put16(0x206, 0x020b) }, unsupported, "2.11"},
		{"short header", func(f *bzFile) { f.put16(0x200, 0x61eb) }, unsupported, "older than 2.12"},
		{"32-bit", func(f *bzFile) { f.put16(0x236, 0) }, unsupported, "64-bit entry"},
		{"loaded low", func(f *bzFile) { f.header[0x211] = 0 }, unsupported, "64-bit entry"},
		{"no code", func(f *bzFile) { f.put32(0x1f4, 0) }, invalid, "0 bytes"},
		{"code without the entry", func(f *bzFile) { f.put32(0x1f4, 32) }, invalid, "512 bytes"},
		{"code cut short", func(f *bzFile) { f.code, f.tail = f.code[:len(f.code)-1], nil }, corrupt, "cut short"},
		{"code of 64 GiB", func(f *bzFile) { f.put32(0x1f4, 1<<32-1) }, corrupt, "cut short"},
		{"alignment 0", func(f *bzFile) { f.put32(0x230, 0) }, invalid, "alignment"},
		{"alignment 3", func(f *bzFile) { f.put32(0x230, 3) }, invalid, "alignment"},
		{"alignment 2 GiB", func(f *bzFile) { f.put32(0x230, 1<<31) }, invalid, "alignment"},
		{"fixed below 1 MiB", func(f *bzFile) { f.header[0x234] = 0; f.put64(0x258, 0x10000) }, invalid, "below 1 MiB"},
		{"beyond memory", func(f *bzFile) { f.put64(0x258, size) }, invalid, "low memory ends"},
		{"at the address space's end", func(f *bzFile) { f.put64(0x258, 1<<64-1) }, invalid, "low memory ends"},
		{"init_size of 4 GiB", func(f *bzFile) { f.put32(0x260, 1<<32-1) }, invalid, "low memory ends"},
		{"init_size a page too much", func(f *bzFile) { f.put32(0x260, size-bzLoad+page) }, invalid, "low memory ends"},
		{"init_size less than the code", func(f *bzFile) { f.put64(0x258, size-page); f.put32(0x230, page); f.put32(0x260, 0) }, invalid, "low memory ends"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := bz()
			tt.change(f)
			refuse(t, size, Config{Kernel: fileOf(t, f.bytes())}, tt.class, tt.says)
		})
	}
}

// TestTruncated: a file without its last byte is refused, wherever it ends.
func TestTruncated(t *testing.T) {
	for name, file := range map[string][]byte{"elf": vmlinux().bytes(), "bzImage": append(bz().bytes()[:bzSectors*512:bzSectors*512], bz().code...)} {
		t.Run(name, func(t *testing.T) {
			r := newRAM(t, 64*mib)
			f := fileOf(t, file)
			_, err := Load(r, Config{Kernel: f})
			require.NoError(t, err, "the whole file")
			for n := len(file) - 1; n >= 0; n -= 1 + n/50 {
				require.NoError(t, f.Truncate(int64(n)))
				_, err := Load(newRAM(t, 64*mib), Config{Kernel: f})
				require.Error(t, err, "%d of %d bytes", n, len(file))
				require.NotEmpty(t, errdefs.ClassOf(err), err)
			}
		})
	}
}

func TestLoadRefused(t *testing.T) {
	kernel := fileOf(t, vmlinux().bytes())
	image := fileOf(t, bz().bytes())
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	low := bz()
	low.put32(0x22c, bzLoad+bzInit+page-1) // initrd_addr_max leaves one page
	short := bz()
	short.put32(0x238, 10)
	tests := []struct {
		name string
		size uint64
		cfg  Config
		says string
	}{
		{"memory of 1 MiB", mib, Config{Kernel: kernel}, "no kernel fits in 1048576 bytes"},
		{"memory below the ELF file", kernelEnd - page, Config{Kernel: kernel}, "reaches beyond"},
		{"memory below the bzImage", bzLoad + bzInit - page, Config{Kernel: image}, "low memory ends"},
		{"no kernel", 64 * mib, Config{Kernel: fileOf(t, []byte("#!/bin/sh\n"))}, "it is no kernel"},
		{"empty", 64 * mib, Config{Kernel: fileOf(t, nil)}, "empty"},
		{"folder", 64 * mib, Config{Kernel: dir}, "not a file"},
		{"empty initrd", 64 * mib, Config{Kernel: kernel, Initrd: fileOf(t, nil)}, "initrd test: it is empty"},
		{"initrd a page too big, ELF", kernelEnd + page, Config{Kernel: kernel, Initrd: fileOf(t, filler(page+1, 0))}, "4097 bytes do not fit"},
		{"initrd bigger than memory", 32 * mib, Config{Kernel: kernel, Initrd: fileOf(t, make([]byte, 33*mib))}, "do not fit"},
		{"initrd a page too big, bzImage", bzLoad + bzInit + page, Config{Kernel: image, Initrd: fileOf(t, filler(page+1, 0))}, "do not fit"},
		{"initrd above its maximum", 64 * mib, Config{Kernel: fileOf(t, low.bytes()), Initrd: fileOf(t, filler(page+1, 0))}, "do not fit"},
		{"NUL in the command line", 64 * mib, Config{Kernel: kernel, Cmdline: "a\x00b"}, "NUL"},
		{"long command line, ELF", 64 * mib, Config{Kernel: kernel, Cmdline: strings.Repeat("x", 2048)}, "2048 bytes, and it takes 2047"},
		{"long command line, bzImage", 64 * mib, Config{Kernel: fileOf(t, short.bytes()), Cmdline: strings.Repeat("x", 11)}, "11 bytes, and it takes 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refuse(t, tt.size, tt.cfg, errdefs.ErrInvalid, tt.says)
		})
	}
}

// TestFitsExactly: what TestLoadRefused refuses for a byte too much is taken without.
func TestFitsExactly(t *testing.T) {
	kernel, image := fileOf(t, vmlinux().bytes()), bz()
	image.put32(0x22c, bzLoad+bzInit+page-1) // initrd_addr_max
	image.put32(0x238, 10)
	tests := []struct {
		name string
		size uint64
		cfg  Config
	}{
		{"ELF", kernelEnd, Config{Kernel: kernel, Cmdline: strings.Repeat("x", 2047)}},
		{"ELF and initrd", kernelEnd + page, Config{Kernel: kernel, Initrd: fileOf(t, filler(page, 0))}},
		{"bzImage", bzLoad + bzInit, Config{Kernel: fileOf(t, image.bytes()), Cmdline: strings.Repeat("x", 10)}},
		{"bzImage and initrd", 64 * mib, Config{Kernel: fileOf(t, image.bytes()), Initrd: fileOf(t, filler(page, 0))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(newRAM(t, tt.size), tt.cfg)
			require.NoError(t, err)
		})
	}
}

// TestEntryOf32Bits: a note may hold the entry in 4 bytes, stand behind one that is
// padded to 8, or be in the second note segment.
func TestEntryOf32Bits(t *testing.T) {
	e := vmlinux()
	notes := note("Xen\x00", 18, le64(pvhEntry)[:4])
	copy(e.parts[0].data[notesOff-textOff:], notes)
	e.progs[4].Filesz = uint64(len(notes))
	first := note("GNU\x00", 5, make([]byte, 12)) // 28 bytes, padded to 32
	copy(e.parts[2].data, append(first, make([]byte, 4)...))
	e.progs[3] = elf.Prog64{Type: uint32(elf.PT_NOTE), Off: extraOff, Filesz: 32, Align: 8}
	s, err := Load(newRAM(t, 64*mib), Config{Kernel: fileOf(t, e.bytes())})
	require.NoError(t, err)
	require.EqualValues(t, pvhEntry, s.IP)
}

// TestLoadAddress: where a bzImage goes.
func TestLoadAddress(t *testing.T) {
	tests := []struct {
		name        string
		relocatable byte
		prefer      uint64
		align       uint32
		want        uint64
	}{
		{"as it prefers", 1, bzLoad, 2 * mib, bzLoad},
		{"aligned", 1, bzLoad + 1, 2 * mib, bzLoad + 2*mib},
		{"no preference", 1, 0, 2 * mib, 2 * mib},
		{"no preference, small alignment", 1, 0, page, mib},
		{"fixed", 0, bzLoad + 16, 0, bzLoad + 16},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := bz()
			f.header[0x234] = tt.relocatable
			f.put32(0x230, tt.align)
			f.put64(0x258, tt.prefer)
			s, err := Load(newRAM(t, 64*mib), Config{Kernel: fileOf(t, f.bytes())})
			require.NoError(t, err)
			require.Equal(t, tt.want+0x200, s.IP)
		})
	}
}

// TestHeaderEnds: what follows a shorter header is code and not taken for fields.
func TestHeaderEnds(t *testing.T) {
	for jump, want := range map[uint16][2]uint32{0x62: {0, 0}, 0x66: {0x1234, 0}, 0x6a: {0x1234, 0x5678}} {
		f := bz()
		f.put16(0x200, jump<<8|0xeb)
		r := newRAM(t, 64*mib)
		s, err := Load(r, Config{Kernel: fileOf(t, f.bytes())})
		require.NoError(t, err)
		got := memory(t, r, s.Arg+0x264, 8)
		require.Equal(t, want, [2]uint32{le(got), le(got[4:])}, "%#x", jump)
	}
}

// TestTablesReach: a kernel that ends above 1 GiB has its page tables.
func TestTablesReach(t *testing.T) {
	for prefer, want := range map[uint64]uint64{gib - 4*mib: 1, gib - mib: 2, 3*gib - 4*mib: 3} {
		f := bz()
		f.put32(0x230, page)
		f.put64(0x258, prefer)
		r := newRAM(t, 3*gib)
		s, err := Load(r, Config{Kernel: fileOf(t, f.bytes())})
		require.NoError(t, err)
		pointers := memory(t, r, s.CR3+page, 4096)
		for d := range uint64(512) {
			require.Equal(t, d < want, le(pointers[d*8:]) != 0, "GiB %d of %d", d, want)
		}
		last := memory(t, r, s.CR3+(1+want)*page, 4096)
		require.EqualValues(t, (want<<30-2*mib)|0x83, le(last[511*8:]))
	}
}
