// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"errors"
	"io"

	"github.com/bobuhiro11/gokvm/bootparam"

	"arcbox.dev/runtime/vmm/ram"
)

// The setup header (boot.rst, "The Real-Mode Kernel Header").
const (
	headerMagic       = "HdrS"
	headerMagicOffset = 0x202 // and where the header's length counts from
	initSizeEnd       = 0x264 // of the last field that is needed
	handoverEnd       = 0x268
	kernelInfoEnd     = 0x26c
	bootFlag          = 0xaa55
	protocolXLoad     = 0x020c // 2.12, the first with xloadflags
	xlfKernel64       = 1 << 0 // the kernel has the 64-bit entry point
	entry64Offset     = 0x200  // of that entry point from where it is loaded
	sectorSize        = 512
	sysSizeUnit       = 16
	maxAlignment      = 1 << 30 // of the load address: more is nonsense
	wantBzImage       = "give a bzImage for x86-64, Linux 3.8 or newer"
)

// bzImage is a bzImage whose header was checked.
type bzImage struct {
	params *bootparam.BootParam
	off    uint64 // of the protected-mode part in the file
	size   uint64 // of it, bytes
	load   uint64 // guest address for it
	end    uint64 // guest address of the end of what it needs to unpack itself
}

// readBzImage reads and checks a bzImage's header. The protected-mode part is in the
// file, and what the kernel needs is in RAM between 1 MiB and low.
func readBzImage(im *image, low uint64) (*bzImage, error) {
	params, err := bootparam.New(im.file)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, im.truncated("the setup header")
	}
	if err != nil {
		return nil, im.invalid(wantBzImage, "its setup header cannot be read: %v", err)
	}
	h := &params.Hdr
	headerEnd := headerMagicOffset + uint64(h.Jump>>8) // the jump's distance
	switch {
	case h.BootFlag != bootFlag:
		return nil, im.invalid(wantBzImage, "its boot flag is %#x, not %#x", h.BootFlag, bootFlag)
	case h.Version < protocolXLoad || headerEnd < initSizeEnd:
		return nil, im.unsupported(wantBzImage, "its boot protocol is %d.%02d, older than 2.12", h.Version>>8, h.Version&0xff)
	case h.XloadFlags&xlfKernel64 == 0 || h.LoadFlags&bootparam.LoadedHigh == 0:
		return nil, im.unsupported(wantBzImage, "it has no 64-bit entry")
	}
	// What follows a shorter header is code.
	if headerEnd < handoverEnd {
		h.HandoverOffset = 0
	}
	if headerEnd < kernelInfoEnd {
		h.KernelInfoOffset = 0
	}
	sectors := uint64(h.SetupSects)
	if sectors == 0 {
		sectors = 4 // boot.rst, setup_sects: for compatibility, 0 means 4
	}
	b := &bzImage{params: params, off: (sectors + 1) * sectorSize, size: uint64(h.SysSize) * sysSizeUnit}
	if b.size <= entry64Offset {
		return nil, im.invalid(wantBzImage, "its protected-mode part has %d bytes", b.size)
	}
	if !im.holds(b.off, b.size) {
		return nil, im.truncated("the protected-mode part's %d from %d", b.size, b.off)
	}
	return b, b.choose(im, low)
}

// choose sets where the kernel is loaded: where it would rather be, since it would
// move itself there otherwise.
func (b *bzImage) choose(im *image, low uint64) error {
	h := &b.params.Hdr
	b.load = h.PrefAddress
	if h.RelocatableKernel != 0 {
		align := uint64(h.KernelAlignment)
		if align == 0 || align&(align-1) != 0 || align > maxAlignment {
			return im.invalid(wantBzImage, "its alignment is %#x", align)
		}
		if b.load < low {
			b.load = pad(max(b.load, highStart), align)
		}
	}
	need := max(uint64(h.InitSize), b.size)
	switch {
	case b.load < highStart:
		return im.invalid(wantBzImage, "it wants to be at %#x, below 1 MiB", b.load)
	case b.load >= low || need > low-b.load:
		return im.invalid(moreMemory, "it needs %d bytes from %#x on, and low memory ends at %#x", need, b.load, low)
	}
	b.end = b.load + need
	return nil
}

// loadBzImage loads a kernel that is entered by the 64-bit boot protocol.
func (l *loader) loadBzImage(kernel *image) (Start, error) {
	b, err := readBzImage(kernel, l.ram.LowSize())
	if err != nil {
		return Start{}, err
	}
	if err := l.hugePages(b.load, b.end); err != nil {
		return Start{}, err
	}
	if err := l.read(b.load, kernel, b.off, b.size); err != nil {
		return Start{}, err
	}
	h := &b.params.Hdr
	// initrd_addr_max is the address of the last byte that may be taken.
	initrd, err := l.placeInitrd(b.end, min(uint64(h.InitrdAddrMax)+1, ram.HoleStart))
	if err != nil {
		return Start{}, err
	}
	if err := l.writeCmdline(uint64(h.CmdlineSize)); err != nil {
		return Start{}, err
	}
	if err := l.writeBootParams(b, initrd); err != nil {
		return Start{}, err
	}
	s := Start{Mode: Long64, IP: b.load + entry64Offset, Arg: bootParamsAddr, CR3: tablesAddr}
	if err := l.writeTables(b.end); err != nil {
		return Start{}, err
	}
	if err := l.writeGDT(&s); err != nil {
		return Start{}, err
	}
	s.Copied = l.copied
	return s, nil
}
