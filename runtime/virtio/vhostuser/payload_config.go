// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
)

// configHeaderSize is the size in bytes of what precedes the contents of a
// configuration space.
const configHeaderSize = 12

// configAccess is a part of the configuration space: what was read, what is to be
// written, or in a request to read, zeros.
type configAccess struct {
	offset uint32
	flags  uint32 // 0: for the guest; 1: for a migration
	data   []byte // at most maxConfig bytes with the offset
}

func (c configAccess) append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, c.offset)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(c.data)))
	b = binary.NativeEndian.AppendUint32(b, c.flags)
	return append(b, c.data...)
}
func (configAccess) files() int { return 0 }

// parseConfigAccess returns data that lies in b.
func parseConfigAccess(b []byte) (payload, error) {
	if len(b) < configHeaderSize {
		return nil, fmt.Errorf("payload of %d bytes, want at least %d", len(b), configHeaderSize)
	}
	c := configAccess{
		offset: binary.NativeEndian.Uint32(b),
		flags:  binary.NativeEndian.Uint32(b[8:]),
		data:   b[configHeaderSize:],
	}
	size := binary.NativeEndian.Uint32(b[4:])
	if uint64(size) != uint64(len(c.data)) {
		return nil, fmt.Errorf("configuration access of %d bytes with %d bytes of data", size, len(c.data))
	}
	if size == 0 || wraps(uint64(c.offset), uint64(size), maxConfig-1) {
		return nil, fmt.Errorf("configuration access of %d bytes at %d, the space has at most %d", size, c.offset, maxConfig)
	}
	return c, nil
}
