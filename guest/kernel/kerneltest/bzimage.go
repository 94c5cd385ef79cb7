// SPDX-License-Identifier: MIT OR Apache-2.0

package kerneltest

import "encoding/binary"

// BzImage returns an image like a bzImage of boot protocol 2.15 with a 64-bit
// entry point and the payload, which is used as it is.
func BzImage(release string, payload []byte) []byte {
	const (
		sectors   = 2                   // of real-mode code after the first
		protected = (sectors + 1) * 512 // where the protected-mode part begins
		version   = 0x300               // where the version string is
		offset    = 0x40                // of the payload in the protected-mode part
		unit      = 16                  // of the protected-mode part's size, in bytes
	)
	units := (offset + len(payload) + unit - 1) / unit
	im := make([]byte, protected+units*unit)
	im[0x1f1] = sectors
	binary.LittleEndian.PutUint32(im[0x1f4:], uint32(units))
	binary.LittleEndian.PutUint16(im[0x1fe:], 0xaa55)
	copy(im[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(im[0x206:], 0x020f)
	binary.LittleEndian.PutUint16(im[0x20e:], version-0x200)
	binary.LittleEndian.PutUint16(im[0x236:], 1)
	binary.LittleEndian.PutUint32(im[0x248:], offset)
	binary.LittleEndian.PutUint32(im[0x24c:], uint32(len(payload)))
	copy(im[version:], release+" (nobody@nowhere) #1\x00")
	copy(im[protected+offset:], payload)
	return im
}
