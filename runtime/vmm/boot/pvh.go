// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"github.com/bobuhiro11/gokvm/pvh"

	"arcbox.dev/runtime/vmm/ram"
)

// linuxCmdline is how long a command line may be, in bytes without its NUL, for a
// kernel that does not tell. Linux for x86 would cut off what is longer without a word.
const linuxCmdline = 2047

// loadELF loads a kernel that is entered by PVH.
func (l *loader) loadELF(kernel *image) (Start, error) {
	segs, entry, err := readELF(kernel, l.ram.LowSize())
	if err != nil {
		return Start{}, err
	}
	end := segs[len(segs)-1].end()
	if err := l.hugePages(segs[0].addr, end); err != nil {
		return Start{}, err
	}
	for _, s := range segs {
		if err := l.load(s.addr, kernel, s.off, s.fileSize); err != nil {
			return Start{}, err
		}
	}
	initrd, err := l.placeInitrd(end, ram.HoleStart)
	if err != nil {
		return Start{}, err
	}
	if err := l.writeCmdline(linuxCmdline); err != nil {
		return Start{}, err
	}
	if err := l.writeStartInfo(initrd); err != nil {
		return Start{}, err
	}
	s := Start{Mode: Protected32, IP: entry, Arg: startInfoAddr}
	if err := l.writeGDT(&s); err != nil {
		return Start{}, err
	}
	s.Copied = l.copied
	return s, nil
}

// writeStartInfo writes hvm_start_info, version 1, and the tables that it points to
// (Xen public/arch-x86/hvm/start_info.h).
func (l *loader) writeStartInfo(initrd uint64) error {
	info := pvh.NewStartInfo(l.rsdp, cmdlineAddr)
	info.MemMapPAddr = memmapAddr
	var table []byte
	for _, m := range memoryMap(l.ram) {
		entry, err := pvh.NewMemMapTableEntry(m.addr, m.size, typeRAM).Bytes()
		if err != nil {
			return err
		}
		table = append(table, entry...)
		info.MemMapEntries++
	}
	if err := l.write(memmapAddr, table); err != nil {
		return err
	}
	if initrd != 0 {
		info.NrModules, info.ModlistPAddr = 1, modlistAddr
		module, err := pvh.NewModListEntry(initrd, l.initrd.size, 0).Bytes()
		if err != nil {
			return err
		}
		if err := l.write(modlistAddr, module); err != nil {
			return err
		}
	}
	b, err := info.Bytes()
	if err != nil {
		return err
	}
	return l.write(startInfoAddr, b)
}
