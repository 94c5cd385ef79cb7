// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"encoding/binary"

	"github.com/bobuhiro11/gokvm/bootparam"
)

const (
	loaderUndefined = 0xff   // type_of_loader of one without a number of its own
	heapEnd         = 0xfe00 // heap_end_ptr as if real-mode code were run; none is
	rsdpOffset      = 0x70   // acpi_rsdp_addr in struct boot_params
)

// writeBootParams writes struct boot_params, "the zero page": the kernel's own header
// with what a boot loader fills in (boot.rst, "Details of Header Fields").
func (l *loader) writeBootParams(b *bzImage, initrd uint64) error {
	h := &b.params.Hdr
	h.TypeOfLoader = loaderUndefined
	h.LoadFlags |= bootparam.CanUseHeap
	h.HeapEndPtr = heapEnd
	h.Code32Start = uint32(b.load)
	h.CmdlinePtr = cmdlineAddr
	h.SetupData = 0
	h.RamdiskImage, h.RamdiskSize = 0, 0
	if initrd != 0 {
		// Both are below the hole, and so below 4 GiB.
		h.RamdiskImage, h.RamdiskSize = uint32(initrd), uint32(l.initrd.size)
	}
	binary.LittleEndian.PutUint64(b.params.Padding[rsdpOffset:], l.rsdp)
	for _, m := range memoryMap(l.ram) {
		b.params.AddE820Entry(m.addr, m.size, typeRAM)
	}
	page, err := b.params.Bytes()
	if err != nil {
		return err
	}
	return l.write(bootParamsAddr, page)
}
