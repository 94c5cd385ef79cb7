// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
)

// le reads a 32-bit number.
func le(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// smallELF returns the headers and the notes of an ELF file whose two segments are in
// the pages behind them.
func smallELF() []byte {
	notes := note("Xen\x00", 6, []byte("linux\x00"))
	notes = append(notes, note("Xen\x00", 18, le64(mib+0x10))...)
	e := elfFile{
		progs: []elf.Prog64{
			{Type: uint32(elf.PT_LOAD), Off: 0x1000, Paddr: mib, Filesz: 0x2345, Memsz: 0x4000},
			{Type: uint32(elf.PT_LOAD), Off: 0x4008, Paddr: 2 * mib, Filesz: 0x1000, Memsz: 0x1000},
			{Type: uint32(elf.PT_NOTE), Off: 0x100, Filesz: uint64(len(notes)), Align: 4},
		},
		parts: []part{{0x100, notes}},
	}
	return e.bytes()
}

// smallBz returns the header of a bzImage that fits in 4 MiB; its code follows.
func smallBz() []byte {
	f := bz()
	f.put32(0x1f4, 0x3000/16)
	f.put64(0x258, mib)
	f.put32(0x260, mib)
	return f.header
}

// FuzzLoad loads arbitrary files of either format: headers, and pages of content behind
// them. The invariants: an error with a class, or a start whose entry and structures are
// in guest memory, and counts that do not exceed what there is to load.
func FuzzLoad(f *testing.F) {
	for _, head := range [][]byte{smallELF(), smallBz()} {
		f.Add(head, uint8(6), "quiet", uint16(5000), uint8(32), false)
		f.Add(head, uint8(6), "", uint16(0), uint8(63), true)
		f.Add(head, uint8(1), "x", uint16(1), uint8(2), false)
	}
	f.Fuzz(func(t *testing.T, head []byte, pages uint8, cmdline string, initrd uint16, size uint8, share bool) {
		r := newRAM(t, uint64(size)*mib+page)
		kernel := fileOf(t, head)
		length := len(head) + int(pages%8)*page
		require.NoError(t, kernel.Truncate(int64(length)))
		cfg := Config{Kernel: kernel, Cmdline: cmdline, RSDP: rsdp, Share: share}
		if initrd > 0 {
			cfg.Initrd = fileOf(t, nil)
			require.NoError(t, cfg.Initrd.Truncate(int64(initrd)))
		}
		s, err := Load(r, cfg)
		if err != nil {
			require.NotEmpty(t, errdefs.ClassOf(err), err)
			require.Zero(t, s)
			return
		}
		require.Less(t, s.IP, r.LowSize())
		require.GreaterOrEqual(t, s.IP, uint64(highStart))
		memory(t, r, s.Arg, 56)
		memory(t, r, s.GDT, uint64(s.GDTLimit)+1)
		if s.Mode == Long64 {
			memory(t, r, s.CR3, 3*page)
		}
		if share {
			require.Zero(t, r.Private())
		}
		require.LessOrEqual(t, s.Copied, uint64(maxHeaders*length)+uint64(initrd)+8*page)
		require.Equal(t, cmdline, string(memory(t, r, cmdlineAddr, uint64(len(cmdline)))))
	})
}
