// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build (!amd64 && !arm64) || purego || race

package checksum

// vectorMin is where sumLong would take over; here both are the portable code.
const vectorMin = 256

func sumLong(b []byte, acc uint64) uint64 { return sumWords(b, acc) }

func implementation() string { return "portable" }
