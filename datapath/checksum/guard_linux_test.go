// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum

import (
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded returns size bytes, a multiple of a page, between two pages that cannot
// be read.
func guarded(t *testing.T, size int) []byte {
	page := os.Getpagesize()
	mem, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatalf("mapping guarded pages: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mem); err != nil {
			t.Errorf("unmapping guarded pages: %v", err)
		}
	})
	inner := mem[page : page+size : page+size]
	if err := unix.Mprotect(inner, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		t.Fatalf("opening the inner pages: %v", err)
	}
	return inner
}

// TestNoOverRead sums slices that end right before, and begin right after, a page
// whose reading is a fault, at all lengths.
func TestNoOverRead(t *testing.T) {
	const size = 64 << 10 // a multiple of every page size in use
	mem := guarded(t, size)
	patterns[0].fill(mem, rand.New(rand.NewPCG(9, 10)))
	check := func(b []byte, place string) {
		want := slowSum(b, 0)
		for _, impl := range implementations(t) {
			if got := network(impl.sum(b, 0)); got != want {
				t.Fatalf("%s, %s, length %d: got %#04x, want %#04x", impl.name, place, len(b), got, want)
			}
		}
		if got := Sum(b, 0); got != want {
			t.Fatalf("Sum, %s, length %d: got %#04x, want %#04x", place, len(b), got, want)
		}
	}
	for n := range 4097 {
		check(mem[size-n:], "at the end")
		check(mem[:n:n], "at the start")
	}
	check(mem, "all")
}
