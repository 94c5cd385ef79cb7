// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"strings"
)

// Offsets into a bzImage. Linux Documentation/arch/x86/boot.rst, "The Real-Mode
// Kernel Header".
const (
	bzSetupSects     = 0x1f1 // u8: sectors of real-mode code after the first
	bzSysSize        = 0x1f4 // u32: the protected-mode part, in units of 16 bytes
	bzBootFlag       = 0x1fe // u16: 0xaa55
	bzMagic          = 0x202 // "HdrS"
	bzVersion        = 0x206 // u16: boot protocol, 0x020f is 2.15
	bzKernelVersion  = 0x20e // u16: of the version string, less 0x200
	bzXLoadFlags     = 0x236 // u16: from protocol 2.12
	bzPayloadOffset  = 0x248 // u32: from the protected-mode part
	bzPayloadLength  = 0x24c // u32: in bytes, with the size of the unpacked kernel at its end
	bzHeaderEnd      = 0x264
	bzSector         = 512
	bzXLFKernel64    = 1 << 0 // the kernel has the 64-bit entry point
	bzProtocolXFlags = 0x020c
)

// bzImage is where the parts of a bzImage are, in bytes from the file's beginning.
type bzImage struct {
	release                     string
	payloadOffset, payloadBytes int64
}

// readBzImage checks a bzImage's header, and that all it promises is in the file.
func readBzImage(r io.ReaderAt, size int64) (bzImage, error) {
	var h [bzHeaderEnd]byte
	if size < int64(len(h)) {
		return bzImage{}, fmt.Errorf("%w: it has %d bytes", errTruncated, size)
	}
	if _, err := r.ReadAt(h[:], 0); err != nil {
		return bzImage{}, fmt.Errorf("cannot be read: %w", err)
	}
	u16 := func(at int) int64 { return int64(binary.LittleEndian.Uint16(h[at:])) }
	u32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(h[at:])) }
	if string(h[bzMagic:bzMagic+4]) != "HdrS" || u16(bzBootFlag) != 0xaa55 {
		return bzImage{}, fmt.Errorf("%w: it is neither a bzImage nor an ELF file", errFormat)
	}
	if runtime.GOARCH != "amd64" || u16(bzVersion) < bzProtocolXFlags || u16(bzXLoadFlags)&bzXLFKernel64 == 0 {
		return bzImage{}, fmt.Errorf("%w: it is a bzImage without the entry that %s needs", errArch, runtime.GOARCH)
	}
	sects := int64(h[bzSetupSects])
	if sects == 0 {
		sects = 4 // boot.rst: "If this field is 0, the real value is 4"
	}
	protected := (sects + 1) * bzSector
	if end := protected + u32(bzSysSize)*16; end > size {
		return bzImage{}, fmt.Errorf("%w: it has %d of %d bytes", errTruncated, size, end)
	}
	b := bzImage{payloadOffset: protected + u32(bzPayloadOffset), payloadBytes: u32(bzPayloadLength)}
	if !inside(uint64(b.payloadOffset), uint64(b.payloadBytes), size) {
		return bzImage{}, fmt.Errorf("%w: its payload lies beyond its end", errTruncated)
	}
	release, err := bzRelease(r, size, u16(bzKernelVersion)+bzSector)
	if err != nil {
		return bzImage{}, err
	}
	b.release = release
	return b, nil
}

// bzRelease reads the release, the first word of the version string at off.
func bzRelease(r io.ReaderAt, size, off int64) (string, error) {
	buf := make([]byte, maxRelease+1)
	n, err := r.ReadAt(buf, min(off, size))
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("cannot be read: %w", err)
	}
	release, _, ok := strings.Cut(string(buf[:n]), " ")
	if !ok || !isRelease(release) {
		return "", fmt.Errorf("%w: its header does not name its release", errFormat)
	}
	return release, nil
}
