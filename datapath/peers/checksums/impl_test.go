// SPDX-License-Identifier: MIT OR Apache-2.0

package checksums

import (
	"time"

	tailscale "github.com/tailscale/wireguard-go/tun"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/checksum"

	"arcbox.dev/datapath/checksum"
)

// longest is the size in bytes of the buffer that all implementations sum.
const longest = 65536

// hot is the buffer in this process. It is a package's variable, and not a function's, which could be on the stack: the
// allocator begins so large an object on a page, as simd/main.c does, and loads that cross cache lines take longer.
var hot = make([]byte, longest)

func init() { pattern(hot) }

// pattern fills b with what simd/main.c fills its buffer with.
func pattern(b []byte) {
	for i := range b {
		b[i] = byte(i*31 + i>>8)
	}
}

// A loop sums b n times, and returns how long that took and the last sum. Each loop calls its function directly:
// through a variable a short sum would cost half as much again.
type loop func(b []byte, n int) (time.Duration, uint16)

func arcboxLoop(b []byte, n int) (time.Duration, uint16) {
	var sum uint16
	start := time.Now()
	for range n {
		sum = checksum.Sum(b, 0)
	}
	return time.Since(start), sum
}

func gvisorLoop(b []byte, n int) (time.Duration, uint16) {
	var sum uint16
	start := time.Now()
	for range n {
		sum = gvisor.Checksum(b, 0)
	}
	return time.Since(start), sum
}

func tailscaleLoop(b []byte, n int) (time.Duration, uint16) {
	var sum uint16
	start := time.Now()
	for range n {
		sum = tailscale.Checksum(b, 0)
	}
	return time.Since(start), sum
}

// slowSum is the definition of RFC 1071 §1, word by word.
func slowSum(b []byte) uint16 {
	var sum uint64
	for i, c := range b {
		if i&1 == 0 {
			sum += uint64(c) << 8
		} else {
			sum += uint64(c)
		}
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// same reports whether x and y are the same number in one's-complement arithmetic, which has two zeros.
func same(x, y uint16) bool {
	return x == y || x^y == 0xffff && (x == 0 || y == 0)
}
