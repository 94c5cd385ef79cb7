// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"encoding/binary"
	"hash/crc32"
)

// BlockSize is the size of a block in bytes, the same in every image.
const BlockSize = 4096

// Limits of the format and of Linux.
const (
	MaxName      = 255   // bytes of one path component
	MaxTarget    = 4095  // bytes of a symbolic link's target
	maxXattrName = 255   // bytes, without the namespace
	maxXattr     = 65535 // bytes of one value
	maxXattrs    = 4*(65535-1) + xattrHeaderSize
)

// Structures of fs/erofs/erofs_fs.h.
const (
	superOffset     = 1024
	superSize       = 128
	superMagic      = 0xe0f5e1e2
	featureChecksum = 1 << 0 // compatible: the superblock carries a checksum
	featureMtime    = 1 << 1 // compatible: times are modification times

	inodeSize       = 64 // of an extended inode
	slotSize        = 32 // what an inode's number counts
	formatExtended  = 1
	layoutPlain     = 0 << 1 // contents in consecutive blocks
	layoutInline    = 2 << 1 // the same, but the last partial block follows the inode
	direntSize      = 12
	xattrHeaderSize = 12
	xattrEntrySize  = 4
)

// superblock returns block 0.
func superblock(meta uint32, root, inodes, blocks uint64, uuid [16]byte) []byte {
	b := make([]byte, BlockSize)
	s := b[superOffset:]
	le := binary.LittleEndian
	le.PutUint32(s[0:], superMagic)
	le.PutUint32(s[8:], featureChecksum|featureMtime)
	s[12] = 12 // log2 of BlockSize
	le.PutUint16(s[14:], uint16(root))
	le.PutUint64(s[16:], inodes)
	le.PutUint32(s[36:], uint32(blocks))
	le.PutUint32(s[40:], meta)
	copy(s[48:64], uuid[:])
	// CRC-32C without the final inversion, from the superblock to the block's end.
	le.PutUint32(s[4:], ^crc32.Checksum(s, crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// putInode encodes an extended inode into b. ino numbers inodes for 32-bit users.
func putInode(b []byte, n *Node, xattrSize int, ino uint32) {
	le := binary.LittleEndian
	layout := uint16(layoutPlain)
	if n.inline {
		layout = layoutInline
	}
	le.PutUint16(b[0:], formatExtended|layout)
	if xattrSize > 0 {
		le.PutUint16(b[2:], uint16((xattrSize-xattrHeaderSize)/4+1))
	}
	le.PutUint16(b[4:], n.Mode)
	le.PutUint64(b[8:], uint64(n.size))
	switch n.Type() {
	case TypeRegular, TypeDir, TypeSymlink:
		le.PutUint32(b[16:], n.block)
	case TypeChar, TypeBlock:
		le.PutUint32(b[16:], n.Rdev)
	}
	le.PutUint32(b[20:], ino)
	le.PutUint32(b[24:], n.UID)
	le.PutUint32(b[28:], n.GID)
	le.PutUint64(b[32:], uint64(n.Mtime))
	le.PutUint32(b[40:], n.MtimeNsec)
	le.PutUint32(b[44:], n.nlink)
}

// fileType is the type that a directory entry carries.
func fileType(n *Node) byte {
	switch n.Type() {
	case TypeRegular:
		return 1
	case TypeDir:
		return 2
	case TypeChar:
		return 3
	case TypeBlock:
		return 4
	case TypeFIFO:
		return 5
	case TypeSocket:
		return 6
	case TypeSymlink:
		return 7
	}
	return 0
}
