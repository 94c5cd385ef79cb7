// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// tag is what fills a page of a file that pattern makes: never 0.
func tag(page int) byte { return byte(page%255) + 1 }

// pattern makes a file of so many pages, each filled with its tag, open for reading.
func pattern(t *testing.T, pages int) *os.File {
	t.Helper()
	var b []byte
	for i := range pages {
		b = append(b, bytes.Repeat([]byte{tag(i)}, PageSize)...)
	}
	path := filepath.Join(t.TempDir(), "pages")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOverlay(t *testing.T) {
	const size = 3<<30 + 16*PageSize
	r := newRAM(t, size)
	f := pattern(t, 8)
	for _, addr := range []uint64{0x10000, HoleStart - 4*PageSize, HighStart, HighStart + 12*PageSize} {
		require.NoError(t, r.Overlay(addr, f, 2*PageSize, 4*PageSize))
		mem, err := r.Memory().Slice(addr, 4*PageSize)
		require.NoError(t, err)
		for i := range 4 {
			require.Equal(t, bytes.Repeat([]byte{tag(2 + i)}, PageSize), mem[i*PageSize:(i+1)*PageSize])
		}
		mem[0] = 0xee // the guest writes: its own copy
		var b [1]byte
		_, err = f.ReadAt(b[:], 2*PageSize)
		require.NoError(t, err)
		require.Equal(t, tag(2), b[0])
		_, err = r.File().ReadAt(b[:], r.offset(addr))
		require.NoError(t, err)
		require.Zero(t, b[0])
	}
	require.True(t, r.Private())
	require.Zero(t, r.Regions()[0].Mem[0x10000-1])
	require.Zero(t, r.Regions()[0].Mem[0x10000+4*PageSize])
}

// TestOverlayTouchesNothing: neither laying a file over memory nor reading it there
// takes pages of the memfd.
func TestOverlayTouchesNothing(t *testing.T) {
	r := newRAM(t, 1<<20)
	require.NoError(t, r.Overlay(0, pattern(t, 8), 0, 8*PageSize))
	require.Equal(t, tag(7), r.Regions()[0].Mem[8*PageSize-1])
	require.Zero(t, resident(t, r))
}

func TestOverlayRefused(t *testing.T) {
	r := newRAM(t, 3<<30+4*PageSize)
	f := pattern(t, 4)
	tests := []struct {
		name string
		addr uint64
		off  int64
		n    uint64
	}{
		{"nothing", 0, 0, 0},
		{"address between pages", 1, 0, PageSize},
		{"part of a page", 0, 0, PageSize - 1},
		{"offset between pages", 0, 8, PageSize},
		{"negative offset", 0, -PageSize, PageSize},
		{"beyond the file", 0, 4 * PageSize, PageSize},
		{"over the file's end", 0, 3 * PageSize, 2 * PageSize},
		{"far beyond the file", 0, 1<<63 - PageSize, PageSize},
		{"in the hole", HoleStart, 0, PageSize},
		{"into the hole", HoleStart - PageSize, 0, 2 * PageSize},
		{"before high memory", HighStart - PageSize, 0, 2 * PageSize},
		{"over the memory's end", HighStart + 3*PageSize, 0, 2 * PageSize},
		{"wraps", 1<<64 - PageSize, 0, 2 * PageSize},
		{"everything", 0, 0, 1<<64 - PageSize},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Error(t, r.Overlay(tt.addr, f, tt.off, tt.n))
			require.False(t, r.Private())
		})
	}
}

// TestOverlayInPieces: the pieces are bounded, however they come to be.
func TestOverlayInPieces(t *testing.T) {
	r := newRAM(t, 4*maxSpans*PageSize)
	f := pattern(t, 1)
	for i := range uint64(maxSpans) {
		require.NoError(t, r.Overlay(2*i*PageSize, f, 0, PageSize))
	}
	require.ErrorContains(t, r.Overlay(2*maxSpans*PageSize, f, 0, PageSize), "more than 256 pieces")
	require.Zero(t, r.Regions()[0].Mem[2*maxSpans*PageSize])
	require.NoError(t, r.Overlay(0, f, 0, PageSize), "in place of another")
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
	require.NoError(t, r.Overlay(0, pattern(t, pages), 0, pages*PageSize))
	mem := r.Regions()[0].Mem
	zeros := 0
	for i := 0; i < pages; i += 2 {
		require.NoError(t, r.Discard(uint64(i)*PageSize, PageSize))
		require.LessOrEqual(t, len(r.overlaid), maxSpans)
		if mem[i*PageSize] == 0 {
			zeros++
		} else {
			require.Equal(t, tag(i), mem[i*PageSize])
		}
		require.Equal(t, tag(i+1), mem[(i+1)*PageSize])
	}
	require.Equal(t, maxSpans, zeros)
	// Whole, it can be given back all the same.
	require.NoError(t, r.Discard(0, pages*PageSize))
	require.Empty(t, r.overlaid)
	require.Zero(t, bytes.Trim(mem, "\x00"))
}

// TestAsModel plays random overlays, writes and discards, and compares with a model
// that says for each page what it holds, and whether the memfd has it.
func TestAsModel(t *testing.T) {
	const pages = 24
	f := pattern(t, pages)
	rapid.Check(t, func(t *rapid.T) {
		r, err := New(pages * PageSize)
		require.NoError(t, err)
		defer r.Close()
		mem := r.Regions()[0].Mem
		var holds [pages]byte  // what each page is filled with
		var own [pages]bool    // the page is the memfd's
		var exists [pages]bool // the memfd has a page there
		for i := range own {
			own[i] = true
		}
		piece := func() (first, n int) {
			first = rapid.IntRange(0, pages-1).Draw(t, "first")
			return first, rapid.IntRange(1, pages-first).Draw(t, "n")
		}
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				first, n := piece()
				for i := first; i < first+n; i++ {
					holds[i] = rapid.Byte().Draw(t, "value")
					exists[i] = exists[i] || own[i]
					copy(mem[i*PageSize:], bytes.Repeat(holds[i:i+1], PageSize))
				}
			},
			"overlay": func(t *rapid.T) {
				first, n := piece()
				off := rapid.IntRange(0, pages-n).Draw(t, "off")
				require.NoError(t, r.Overlay(uint64(first)*PageSize, f, int64(off)*PageSize, uint64(n)*PageSize))
				for i := range n {
					holds[first+i], own[first+i] = tag(off+i), false
				}
			},
			"discard": func(t *rapid.T) {
				first, n := piece()
				require.NoError(t, r.Discard(uint64(first)*PageSize, uint64(n)*PageSize))
				for i := first; i < first+n; i++ {
					holds[i], own[i], exists[i] = 0, true, false
				}
			},
			"": func(t *rapid.T) {
				count := uint64(0)
				for i := range pages {
					if exists[i] {
						count++
					}
				}
				got, err := r.Resident()
				require.NoError(t, err)
				require.Equal(t, count*PageSize, got)
				for i := range pages {
					if own[i] && !exists[i] {
						continue // reading would make it exist
					}
					require.Equal(t, holds[i], mem[i*PageSize], "page %d", i)
					require.Equal(t, holds[i], mem[(i+1)*PageSize-1], "page %d", i)
				}
			},
		})
		for i := range pages {
			require.Equal(t, holds[i], mem[i*PageSize], "page %d", i)
		}
	})
}
