// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

// Update16 returns checksum after a 16-bit field went from from to to (RFC 1624
// equation 3). For UDP, or to change several fields, use a Delta.
func Update16(checksum, from, to uint16) uint16 {
	return Delta(0).Add16(from, to).Apply(checksum)
}

// Update32 returns checksum after a 32-bit field went from from to to.
func Update32(checksum uint16, from, to uint32) uint16 {
	return Delta(0).Add32(from, to).Apply(checksum)
}

// Update128 returns checksum after a 128-bit field in network order went from from
// to to.
func Update128(checksum uint16, from, to *[16]byte) uint16 {
	return Delta(0).Add128(from, to).Apply(checksum)
}
