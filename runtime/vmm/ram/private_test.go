// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const mib = 1 << 20

// TestPrivate: huge pages are asked for, nothing is touched by it, what was there is
// gone, and the file has no part in what is written.
func TestPrivate(t *testing.T) {
	r := newRAM(t, HoleStart+64*mib)
	for _, addr := range []uint64{16 * mib, HoleStart - 8*mib, HighStart, HighStart + 60*mib} {
		mem, err := r.Memory().Slice(addr, 4*mib)
		require.NoError(t, err)
		mem[0], mem[4*mib-1] = 1, 2
		before := resident(t, r)
		require.NoError(t, r.HugePages(addr, 4*mib))
		size, flags := mappingOf(t, &mem[0])
		require.EqualValues(t, 4*mib, size)
		if hugePagesHere() {
			require.Contains(t, flags, "hg")
		}
		require.Zero(t, mem[0])
		require.Zero(t, mem[4*mib-1])
		mem[1] = 3
		require.Equal(t, before, resident(t, r))
		var b [2]byte
		_, err = r.File().ReadAt(b[:], r.offset(addr))
		require.NoError(t, err)
		require.Equal(t, [2]byte{1, 0}, b)
	}
	require.EqualValues(t, 4*4*mib, r.Private())
	for i, g := range r.Regions() {
		require.Zero(t, addressOf(&g.Mem[0])%HugePageSize, "region %d", i)
	}
}

func TestHugePagesRefused(t *testing.T) {
	r := newRAM(t, HoleStart+4*mib)
	tests := []struct {
		name    string
		addr, n uint64
	}{
		{"nothing", 0, 0},
		{"address between huge pages", mib, 2 * mib},
		{"part of a huge page", 0, mib},
		{"in the hole", HoleStart, 2 * mib},
		{"into the hole", HoleStart - 2*mib, 4 * mib},
		{"before high memory", HighStart - 2*mib, 4 * mib},
		{"over the memory's end", HighStart + 2*mib, 4 * mib},
		{"wraps", 1<<64 - 2*mib, 4 * mib},
		{"everything", 0, 1<<64 - 2*mib},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Error(t, r.HugePages(tt.addr, tt.n))
			require.Zero(t, r.Private())
		})
	}
}

func TestPrivateInPieces(t *testing.T) {
	r := newRAM(t, 4*maxSpans*HugePageSize)
	for i := range uint64(maxSpans) {
		require.NoError(t, r.HugePages(2*i*HugePageSize, HugePageSize))
	}
	require.ErrorContains(t, r.HugePages(2*maxSpans*HugePageSize, HugePageSize), "more than 256 pieces")
	require.NoError(t, r.HugePages(0, HugePageSize), "in place of others")
}

func TestDiscardRefused(t *testing.T) {
	r := newRAM(t, 3<<30+4*PageSize)
	r.Regions()[0].Mem[0] = 1
	for _, tt := range []struct{ addr, n uint64 }{
		{0, 0}, {1, PageSize}, {0, 1}, {HoleStart, PageSize}, {HoleStart - PageSize, 2 * PageSize},
		{HighStart + 4*PageSize, PageSize}, {0, 1<<64 - PageSize}, {1<<64 - PageSize, PageSize},
	} {
		require.Error(t, r.Discard(tt.addr, tt.n), "%#x %#x", tt.addr, tt.n)
	}
	require.EqualValues(t, 1, r.Regions()[0].Mem[0])
}

// TestDiscardInPieces: a guest that gives back every second page of an overlay gets
// zeros or what was there, and the process does not run out of mappings.
func TestDiscardInPieces(t *testing.T) {
	const pages = 4 * maxSpans
	r := newRAM(t, pages*PageSize)
	require.NoError(t, r.HugePages(0, pages*PageSize))
	mem := r.Regions()[0].Mem
	for i := range pages {
		mem[i*PageSize] = 1
	}
	zeros := 0
	for i := 0; i < pages; i += 2 {
		require.NoError(t, r.Discard(uint64(i)*PageSize, PageSize))
		require.LessOrEqual(t, len(r.private), maxSpans)
		if mem[i*PageSize] == 0 {
			zeros++
		}
		require.EqualValues(t, 1, mem[(i+1)*PageSize])
	}
	require.Equal(t, maxSpans, zeros)
	// Whole, it can be given back all the same.
	require.NoError(t, r.Discard(0, pages*PageSize))
	require.Zero(t, r.Private())
	require.Zero(t, bytes.Trim(mem, "\x00"))
}

// TestAsModel: whatever is written, made private and discarded, in any order, what is
// read is what was written there last, or zero. A piece is part of a huge page; of each
// piece the first and the last page are written.
func TestAsModel(t *testing.T) {
	const perHuge, pieces = 4, 24
	const size = HugePageSize / perHuge
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(pieces * size)
		require.NoError(t, err)
		defer r.Close()
		mem := r.Regions()[0].Mem
		var holds [pieces]byte  // what is written in each piece
		var own [pieces]bool    // the piece is the memfd's
		var exists [pieces]bool // the memfd has pages there
		for i := range own {
			own[i] = true
		}
		some := func() (first, n int) {
			first = rapid.IntRange(0, pieces-1).Draw(t, "first")
			return first, rapid.IntRange(1, pieces-first).Draw(t, "n")
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				first, n := some()
				for i := first; i < first+n; i++ {
					holds[i] = rapid.Byte().Draw(t, "value")
					exists[i] = exists[i] || own[i]
					mem[i*size], mem[(i+1)*size-1] = holds[i], holds[i]
				}
			},
			"huge pages": func(t *rapid.T) {
				first, n := some()
				first, n = first/perHuge*perHuge, (n+perHuge-1)/perHuge*perHuge
				n = min(n, pieces-first)
				require.NoError(t, r.HugePages(uint64(first)*size, uint64(n)*size))
				for i := first; i < first+n; i++ {
					holds[i], own[i] = 0, false
				}
			},
			"discard": func(t *rapid.T) {
				first, n := some()
				require.NoError(t, r.Discard(uint64(first)*size, uint64(n)*size))
				for i := first; i < first+n; i++ {
					holds[i], own[i], exists[i] = 0, true, false
				}
			},
			"": func(t *rapid.T) {
				count := uint64(0)
				for i := range pieces {
					if exists[i] {
						count += 2
					}
				}
				got, err := r.Resident()
				require.NoError(t, err)
				require.Equal(t, count*PageSize, got)
				for i := range pieces {
					if own[i] && !exists[i] {
						continue // reading would make it exist
					}
					require.Equal(t, holds[i], mem[i*size], "piece %d", i)
					require.Equal(t, holds[i], mem[(i+1)*size-1], "piece %d", i)
				}
			},
		})
		for i := range pieces {
			require.Equal(t, holds[i], mem[i*size], "piece %d", i)
		}
	})
}
