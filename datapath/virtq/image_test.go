// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"encoding/binary"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// The image that the hostile cases and the fuzz target start from: two adjacent
// regions of memory, the queue in the first, buffers and tables across both.
const (
	imageBase  = 0x4000
	imageSplit = 0x800  // bytes in the first region
	imageSize  = 0x1000 // bytes in both
	imageQueue = 8      // descriptors

	// What the cases write comes first, and the rest is zero: a fuzzer gets on
	// better with short inputs.
	descOff   = 0x000
	availOff  = 0x080
	tableOff  = 0x0a0
	usedOff   = 0x400
	bufferOff = 0x600
)

var imageLayout = virtq.Layout{
	Size:  imageQueue,
	Desc:  imageBase + descOff,
	Avail: imageBase + availOff,
	Used:  imageBase + usedOff,
}

// image is guest memory that a test writes to as it pleases.
type image []byte

func (m image) desc(i int, addr uint64, n uint32, flags, next uint16) {
	virtqtest.Desc{Addr: addr, Len: n, Flags: flags, Next: next}.Put(m[descOff+16*i:])
}

// tableDesc writes an entry of the indirect table.
func (m image) tableDesc(i int, addr uint64, n uint32, flags, next uint16) {
	virtqtest.Desc{Addr: addr, Len: n, Flags: flags, Next: next}.Put(m[tableOff+16*i:])
}

// avail makes chains available, from index 0 on.
func (m image) avail(heads ...uint16) {
	for i, h := range heads {
		binary.LittleEndian.PutUint16(m[availOff+4+2*(i%imageQueue):], h)
	}
	m.availIndex(uint16(len(heads)))
}

func (m image) availIndex(i uint16) { binary.LittleEndian.PutUint16(m[availOff+2:], i) }

// memory returns two regions over the image.
func (m image) memory() (*guestmem.Memory, error) {
	return guestmem.New(
		guestmem.Region{Addr: imageBase, Mem: m[:imageSplit:imageSplit]},
		guestmem.Region{Addr: imageBase + imageSplit, Mem: m[imageSplit:]},
	)
}

const (
	fNext     = virtqtest.FlagNext
	fWrite    = virtqtest.FlagWrite
	fIndirect = virtqtest.FlagIndirect

	bufferAddr = imageBase + bufferOff
	tableAddr  = imageBase + tableOff
	memoryEnd  = imageBase + imageSize
)
