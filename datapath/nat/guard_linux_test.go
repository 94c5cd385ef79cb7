// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestNoOverRead passes frames that end right before a page whose reading is
// a fault: hostile ones, cut off at every length, and with bytes changed.
func TestNoOverRead(t *testing.T) {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(mem)) })
	require.NoError(t, unix.Mprotect(mem[page:], unix.PROT_NONE))
	place := func(b []byte) []byte {
		at := mem[page-len(b) : page : page]
		copy(at, b)
		return at
	}
	s := fuzzShard(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i, seed := range hostileSeeds() {
		for n := range len(seed) + 1 {
			translateAll(t, s, seed[:n], uint8(i)<<1, place)
			changed := append([]byte(nil), seed[:n]...)
			for range min(n, 2) {
				changed[rnd.IntN(n)] ^= 1 << rnd.IntN(8)
			}
			translateAll(t, s, changed, uint8(i)<<1, place)
		}
	}
}
