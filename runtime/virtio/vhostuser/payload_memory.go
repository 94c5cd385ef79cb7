// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
	"math"
)

// maxRegions is the largest number of regions in a memory table.
const maxRegions = 8

// MemRegion is one region of a memory table: a part of a file that is guest memory.
type MemRegion struct {
	GuestAddr uint64 // what descriptors call the region's first byte
	Size      uint64 // bytes
	UserAddr  uint64 // what SetVringAddr calls the region's first byte
	Offset    uint64 // where the region begins in its file, in bytes
}

const (
	memTableHeader = 8
	memRegionSize  = 32
)

// memTable is a memory regions description; a file goes with each region.
type memTable []MemRegion

func (t memTable) append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(len(t)))
	b = binary.NativeEndian.AppendUint32(b, 0)
	for _, r := range t {
		for _, v := range [...]uint64{r.GuestAddr, r.Size, r.UserAddr, r.Offset} {
			b = binary.NativeEndian.AppendUint64(b, v)
		}
	}
	return b
}

func (t memTable) files() int { return len(t) }

// parseMemTable accepts room for more regions than there are: User-Mode Linux
// always sends two.
func parseMemTable(b []byte) (payload, error) {
	if len(b) < memTableHeader {
		return nil, fmt.Errorf("payload of %d bytes, want at least %d", len(b), memTableHeader)
	}
	n := binary.NativeEndian.Uint32(b)
	if n == 0 || n > maxRegions {
		return nil, fmt.Errorf("memory table of %d regions, want 1 to %d", n, maxRegions)
	}
	b = b[memTableHeader:]
	if len(b) < int(n)*memRegionSize || len(b) > maxRegions*memRegionSize || len(b)%memRegionSize != 0 {
		return nil, fmt.Errorf("memory table of %d regions in %d bytes", n, len(b))
	}
	t := make(memTable, n)
	for i := range t {
		p := b[i*memRegionSize:]
		r := MemRegion{
			GuestAddr: binary.NativeEndian.Uint64(p),
			Size:      binary.NativeEndian.Uint64(p[8:]),
			UserAddr:  binary.NativeEndian.Uint64(p[16:]),
			Offset:    binary.NativeEndian.Uint64(p[24:]),
		}
		switch {
		case r.Size == 0:
			return nil, fmt.Errorf("memory region %d is empty", i)
		case wraps(r.GuestAddr, r.Size, math.MaxUint64), wraps(r.UserAddr, r.Size, math.MaxUint64),
			wraps(r.Offset, r.Size, math.MaxInt64):
			return nil, fmt.Errorf("memory region %d wraps: %#x bytes at guest address %#x, user address %#x, offset %#x",
				i, r.Size, r.GuestAddr, r.UserAddr, r.Offset)
		}
		t[i] = r
	}
	return t, nil
}
