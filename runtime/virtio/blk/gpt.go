// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// A GUID partition table (UEFI 2.10 §5.3) with blocks of SectorSize: a protective
// MBR, the header and its array of entries, the partitions, and at the end the
// array and the header once more.
const (
	gptEntries    = 128 // the least that an array reserves room for (UEFI 2.10 §5.3.1)
	gptEntrySize  = 128 // bytes
	gptHeaderSize = 92  // bytes
	gptRevision   = 1 << 16

	arraySectors = gptEntries * gptEntrySize / SectorSize
	headSectors  = 2 + arraySectors // MBR, header, array
	tailSectors  = arraySectors + 1 // array, header

	// partitionAlign is what partitions begin and end at multiples of, in bytes.
	partitionAlign = pageSize
)

// guid is a GUID as it is stored.
type guid [16]byte

// linuxData is the partition type "Linux filesystem data",
// 0FC63DAF-8483-4772-8E79-3D69D8477DE4.
var linuxData = guid{
	0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
}

// derivedGUID makes a GUID from a seed and a number: a UUID of version 8, which is
// for contents of one's own (RFC 9562 §5.8).
func derivedGUID(seed []byte, n uint32) (g guid) {
	h := sha256.New()
	h.Write(seed)
	_ = binary.Write(h, binary.LittleEndian, n) // a hash takes everything
	copy(g[:], h.Sum(nil))
	g[7] = g[7]&0x0f | 0x80 // version, in a field that is stored little-endian
	g[8] = g[8]&0x3f | 0x80 // variant
	return g
}

// extent is where a partition is, in bytes.
type extent struct{ off, size int64 }

// layOut places partitions of the given sizes one after the other, each as long as
// its size in multiples of partitionAlign, and returns them with the disk's size.
func layOut(sizes []int64) (parts []extent, size int64) {
	at := alignUp(headSectors * SectorSize)
	for _, n := range sizes {
		parts = append(parts, extent{at, alignUp(n)})
		at += alignUp(n)
	}
	return parts, alignUp(at + tailSectors*SectorSize)
}

func alignUp(n int64) int64 { return (n + partitionAlign - 1) / partitionAlign * partitionAlign }

// partitionTable makes the first headSectors and the last tailSectors of a disk of
// so many bytes. All GUIDs derive from the seed.
func partitionTable(parts []extent, size int64, seed []byte) (head, tail []byte) {
	le := binary.LittleEndian
	array := make([]byte, gptEntries*gptEntrySize)
	for i, p := range parts {
		// UEFI 2.10 §5.3.3, table 5.7.
		e := array[i*gptEntrySize:]
		id := derivedGUID(seed, uint32(i+1))
		copy(e[0:], linuxData[:])
		copy(e[16:], id[:])
		le.PutUint64(e[32:], uint64(p.off/SectorSize))
		le.PutUint64(e[40:], uint64((p.off+p.size)/SectorSize-1)) // inclusive
	}
	last := uint64(size/SectorSize) - 1
	head = make([]byte, headSectors*SectorSize)
	protectiveMBR(head, last)
	gptHeader(head[SectorSize:], 1, last, 2, array, seed)
	copy(head[2*SectorSize:], array)

	tail = make([]byte, tailSectors*SectorSize)
	copy(tail, array)
	gptHeader(tail[len(array):], last, 1, last-arraySectors, array, seed)
	return head, tail
}

// protectiveMBR lets tools that know no GPT see one partition that fills the disk
// (UEFI 2.10 §5.2.3).
func protectiveMBR(b []byte, last uint64) {
	e := b[446:]
	copy(e[1:], []byte{0x00, 0x02, 0x00}) // first block as cylinder, head, sector
	e[4] = 0xee                           // type: GPT protective
	copy(e[5:], []byte{0xff, 0xff, 0xff}) // last block likewise: beyond what fits
	binary.LittleEndian.PutUint32(e[8:], 1)
	binary.LittleEndian.PutUint32(e[12:], uint32(min(last, 0xffffffff)))
	b[510], b[511] = 0x55, 0xaa
}

// gptHeader writes the header at block self; the other one is at block other, its
// array begins at block first (UEFI 2.10 §5.3.2, table 5.5).
func gptHeader(b []byte, self, other, first uint64, array, seed []byte) {
	le := binary.LittleEndian
	last := max(self, other)
	id := derivedGUID(seed, 0)
	copy(b[0:], "EFI PART")
	le.PutUint32(b[8:], gptRevision)
	le.PutUint32(b[12:], gptHeaderSize)
	le.PutUint64(b[24:], self)
	le.PutUint64(b[32:], other)
	le.PutUint64(b[40:], headSectors)      // first usable block
	le.PutUint64(b[48:], last-tailSectors) // last usable block
	copy(b[56:], id[:])
	le.PutUint64(b[72:], first)
	le.PutUint32(b[80:], gptEntries)
	le.PutUint32(b[84:], gptEntrySize)
	le.PutUint32(b[88:], crc32.ChecksumIEEE(array))
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:gptHeaderSize]))
}
