// SPDX-License-Identifier: MIT OR Apache-2.0

// Package checksums measures arcbox.dev/datapath/checksum beside the Internet checksums of gVisor and of Tailscale's
// wireguard-go, and beside a C program with intrinsics, simd/main.c, that shows what the hardware does.
//
// The checksum of golang.zx2c4.com/wireguard itself is not exported, so it cannot be measured from outside.
//
// What is chosen at run time can be measured only where it was chosen, so some implementations run in a process of
// their own, a worker: the C program, or this test binary with processor features turned off through GODEBUG. A worker
// is told a size and a count, sums a buffer of that size so many times, and answers with the time that it took by its
// own clock and with the sum. It does so in the same loop that the others run in this process, and the two ways through
// a pipe are not in the figure.
//
// A C compiler, cc, is needed for impl=c-avx2 and impl=c-vnni. Without one they are skipped, and say so.
package checksums
