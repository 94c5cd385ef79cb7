// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !amd64 || purego || race

package checksum

// atOnce says whether sumAtOnce takes n bytes: here sumLong does as well.
func atOnce(int) bool { return false }

func sumAtOnce(b []byte) uint64 { return sumWords(b, 0) }
