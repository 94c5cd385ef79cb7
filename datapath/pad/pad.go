// SPDX-License-Identifier: MIT OR Apache-2.0

// Package pad keeps words that different cores write away from each other.
//
// A core that writes a word takes the whole cache line from every other core, so two counters on one line are as slow
// as one shared counter (false sharing). A line is 64 bytes on amd64, but the adjacent-line prefetcher fetches lines
// in pairs (Intel 64 and IA-32 Architectures Optimization Reference Manual, "L2 hardware prefetching"), and a line is
// 128 bytes on some arm64 CPUs: 128 bytes are right for both.
//
// Go does not align heap objects to 128 bytes. Two words never meet on a line, wherever the object begins, if 128
// bytes lie between them; the types here therefore carry padding on both sides.
//
// [Uint64] is an atomic word with padding around it.
package pad

import "sync/atomic"

// Size is the distance in bytes that keeps two words off each other's cache lines.
const Size = 128

// A Line is padding of [Size] bytes, to be used as a blank field between the fields of different owners.
type Line struct {
	_ [Size]byte
}

// A Uint64 is an [atomic.Uint64] with at least 120 bytes of padding on both sides. The zero value holds 0. It takes 256 bytes
// and must not be copied after first use.
type Uint64 struct {
	_ Line
	atomic.Uint64
	_ [Size - 8]byte
}
