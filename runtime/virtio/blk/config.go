// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import "encoding/binary"

// Feature bits (virtio 1.2 §5.2.3).
const (
	featureSizeMax     uint64 = 1 << 1
	featureSegMax      uint64 = 1 << 2
	featureReadOnly    uint64 = 1 << 5
	featureBlockSize   uint64 = 1 << 6
	featureFlush       uint64 = 1 << 9
	featureTopology    uint64 = 1 << 10
	featureMultiQueue  uint64 = 1 << 12
	featureDiscard     uint64 = 1 << 13
	featureWriteZeroes uint64 = 1 << 14
)

const (
	queueSize = 256
	// smallQueue is the smallest queue with which a front end is expected to drive
	// the device: QEMU's default. A chain must not be longer than the queue, also an
	// indirect one (virtio 1.2 §2.7.5.3.1), and Linux makes chains as long as seg_max
	// allows, whatever the queue's size.
	smallQueue = 128
	// maxSegments and maxSegmentSize bound a request's data: two descriptors of a
	// chain are header and status. A request for more fails.
	maxSegments    = smallQueue - 2
	maxSegmentSize = 1 << 20
	maxData        = maxSegments * maxSegmentSize

	// Limits of one segment in sectors, and of segments a request. Zeroing is
	// bounded tighter: on some file systems it means writing.
	maxDiscardSectors  = 1 << 22
	maxDiscardSegments = 16
	maxZeroSectors     = 1 << 16
	maxZeroSegments    = 1

	// pageExponent: a physical block is 2^3 sectors, the unit of the host's page cache.
	pageExponent = 3
	pageSize     = SectorSize << pageExponent
)

// configSize is the size of the configuration space in bytes, up to the fields of
// features that are not offered.
const configSize = 60

// configSpace lays out struct virtio_blk_config (virtio 1.2 §5.2.4).
func configSpace(size int64, queues int) (c [configSize]byte) {
	le := binary.LittleEndian
	le.PutUint64(c[0:], uint64(size/SectorSize)) // capacity
	le.PutUint32(c[8:], maxSegmentSize)          // size_max
	le.PutUint32(c[12:], maxSegments)            // seg_max
	le.PutUint32(c[20:], SectorSize)             // blk_size
	c[24] = pageExponent                         // physical_block_exp
	le.PutUint16(c[26:], 1<<pageExponent)        // min_io_size
	le.PutUint16(c[34:], uint16(queues))         // num_queues
	le.PutUint32(c[36:], maxDiscardSectors)      // max_discard_sectors
	le.PutUint32(c[40:], maxDiscardSegments)     // max_discard_seg
	le.PutUint32(c[44:], 1<<pageExponent)        // discard_sector_alignment
	le.PutUint32(c[48:], maxZeroSectors)         // max_write_zeroes_sectors
	le.PutUint32(c[52:], maxZeroSegments)        // max_write_zeroes_seg
	c[56] = 1                                    // write_zeroes_may_unmap
	return c
}
