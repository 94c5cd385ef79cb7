// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"encoding/binary"

	"github.com/bobuhiro11/gokvm/bootparam"
	"github.com/bobuhiro11/gokvm/pvh"

	"arcbox.dev/runtime/vmm/ram"
)

// Guest addresses of what a kernel is given. All but boot_params and the page tables
// are in one page, so that a boot touches few. Linux reserves the first 64 KiB, and
// has left these structures behind when it begins to use it.
const (
	gdtAddr        = 0x1000
	startInfoAddr  = 0x1040 // struct hvm_start_info, 56 bytes
	modlistAddr    = 0x1080 // struct hvm_modlist_entry, 32 bytes
	memmapAddr     = 0x10c0 // struct hvm_memmap_table_entry[], 24 bytes each
	cmdlineAddr    = 0x1200
	cmdlineRoom    = 0xe00 // bytes, with the NUL
	bootParamsAddr = 0x2000
	tablesAddr     = 0x3000 // page tables: at most 5 pages

	legacyStart = 0xa_0000  // display memory and firmware, where ACPI's tables are
	highStart   = 0x10_0000 // RAM again; kernels are here
)

// memRange is an entry of the memory map.
type memRange struct {
	addr, size uint64 // bytes
}

// memoryMap returns where the guest has RAM that it may use, by rising address.
func memoryMap(r *ram.RAM) []memRange {
	low := r.LowSize()
	m := []memRange{{0, legacyStart}, {highStart, low - highStart}}
	if size := r.Size(); size > low {
		m = append(m, memRange{ram.HighStart, size - low})
	}
	return m
}

const typeRAM = bootparam.E820Ram // of a range, for both protocols

// Positions in the GDT. The kernel's own are the same (boot.rst: __BOOT_CS is 0x10,
// __BOOT_DS is 0x18).
const (
	codeIndex = 2
	dataIndex = 3
	taskIndex = 4 // of two entries' size in long mode
	gdtCount  = 6
)

// Descriptor flags (Intel SDM 3A §3.4.5): present, ring 0, type, and of the code
// segments whether they are 32-bit or 64-bit.
const (
	code32Flags = 0xc09b
	code64Flags = 0xa09b
	dataFlags   = 0xc093
	taskFlags   = 0x008b
	flatLimit   = 0xffff_ffff
	taskLimit   = 0x67
)

// writeGDT puts a descriptor table in guest memory and its segments in s.
func (l *loader) writeGDT(s *Start) error {
	code := uint16(code32Flags)
	if s.Mode == Long64 {
		code = code64Flags
	}
	gdt := [gdtCount]uint64{
		codeIndex: pvh.GdtEntry(code, 0, flatLimit),
		dataIndex: pvh.GdtEntry(dataFlags, 0, flatLimit),
		taskIndex: pvh.GdtEntry(taskFlags, 0, taskLimit),
	}
	s.Code = pvh.SegmentFromGDT(gdt[codeIndex], codeIndex)
	s.Data = pvh.SegmentFromGDT(gdt[dataIndex], dataIndex)
	s.Task = pvh.SegmentFromGDT(gdt[taskIndex], taskIndex)
	s.GDT, s.GDTLimit = gdtAddr, gdtCount*8-1
	table, err := binary.Append(nil, binary.LittleEndian, gdt)
	if err != nil {
		return err
	}
	return l.write(gdtAddr, table)
}
