// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
)

func newRAM(t *testing.T, size uint64) *RAM {
	t.Helper()
	r, err := New(size)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func resident(t *testing.T, r *RAM) uint64 {
	t.Helper()
	n, err := r.Resident()
	require.NoError(t, err)
	return n
}

func TestLayout(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	tests := []struct {
		name            string
		size, low, high uint64 // bytes; what lies below and above the hole
	}{
		{"one byte", 1, PageSize, 0},
		{"page and a byte", PageSize + 1, 2 * PageSize, 0},
		{"64 MiB", 64 * mib, 64 * mib, 0},
		{"128 MiB", 128 * mib, 128 * mib, 0},
		{"up to the hole", 3 * gib, 3 * gib, 0},
		{"a page more", 3*gib + PageSize, 3 * gib, PageSize},
		{"6 GiB", 6 * gib, 3 * gib, 3 * gib},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRAM(t, tt.size)
			require.Equal(t, tt.low+tt.high, r.Size())
			require.Equal(t, tt.low, r.LowSize())
			want := []Region{{Addr: 0, Mem: r.mapping[:tt.low], Offset: 0}}
			if tt.high > 0 {
				want = append(want, Region{Addr: 1 << 32, Mem: r.mapping[tt.low:], Offset: int64(tt.low)})
			}
			require.Len(t, r.Regions(), len(want))
			for i, got := range r.Regions() {
				require.Equal(t, want[i].Addr, got.Addr)
				require.Equal(t, want[i].Offset, got.Offset)
				require.Len(t, got.Mem, len(want[i].Mem))
			}
			require.Zero(t, resident(t, r), "touched by New")
			require.Zero(t, r.Private())

			// The last byte of each region is where the file has it, and nowhere else.
			for i, g := range r.Regions() {
				last := g.Addr + uint64(len(g.Mem)) - 1
				mem, err := r.Memory().Slice(last, 1)
				require.NoError(t, err)
				mem[0] = byte(0x11 * (i + 1))
				var b [1]byte
				_, err = r.File().ReadAt(b[:], g.Offset+int64(len(g.Mem))-1)
				require.NoError(t, err)
				require.Equal(t, byte(0x11*(i+1)), b[0])
				require.EqualValues(t, last-last%PageSize-g.Addr, r.offset(last-last%PageSize)-g.Offset)
				_, err = r.Memory().Slice(last+1, 1)
				require.Error(t, err)
			}
			require.EqualValues(t, len(want)*PageSize, resident(t, r))
		})
	}
}

func TestSizeRefused(t *testing.T) {
	for _, size := range []uint64{0, maxSize + 1, 1 << 63, 1<<64 - 1} {
		_, err := New(size)
		require.ErrorIs(t, err, errdefs.ErrInvalid, "%#x", size)
	}
}

func TestClosed(t *testing.T) {
	r, err := New(HugePageSize)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Discard(0, PageSize), os.ErrClosed)
	require.ErrorIs(t, r.HugePages(0, HugePageSize), os.ErrClosed)
	_, err = r.Resident()
	require.ErrorIs(t, err, os.ErrClosed)
}

// TestManyCallers: a balloon discards while others ask, each its own pages.
func TestManyCallers(t *testing.T) {
	const pages, callers = HugePageSize / PageSize, 4
	r := newRAM(t, HugePageSize)
	require.NoError(t, r.HugePages(0, HugePageSize))
	for page := range pages {
		r.Regions()[0].Mem[page*PageSize] = 2
	}
	var wg sync.WaitGroup
	for c := range uint64(callers) {
		wg.Go(func() {
			for page := c; page < pages; page += callers {
				if err := r.Discard(page*PageSize, PageSize); err != nil {
					t.Error(err)
				}
				mem, _ := r.Memory().Slice(page*PageSize, PageSize)
				if mem[0] != 0 {
					t.Errorf("page %d is not zero", page)
				}
				mem[0] = 1
				r.Private()
				if _, err := r.Resident(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, r.Private())
	require.EqualValues(t, pages*PageSize, resident(t, r))
}

// TestHugePages: a large VM's memory asks for huge pages, all of it, and a smaller
// one's does not.
func TestHugePages(t *testing.T) {
	if !hugePagesHere() {
		t.Skip("needs a kernel with transparent huge pages")
	}
	tests := []struct {
		name string
		size uint64
		want bool
	}{
		{"a page less", hugeFrom - PageSize, false},
		{"from there on", hugeFrom, true},
		{"beyond the hole", HoleStart + hugeFrom, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRAM(t, tt.size)
			mem := r.Regions()[0].Mem
			size, flags := mappingOf(t, &mem[0])
			require.Equal(t, r.Size(), size)
			require.Equal(t, tt.want, slices.Contains(flags, "hg"), "flags %v", flags)
			require.Zero(t, resident(t, r))
		})
	}
}

func hugePagesHere() bool {
	_, err := os.Stat("/sys/kernel/mm/transparent_hugepage")
	return err == nil
}

func addressOf(p *byte) uintptr { return reflect.ValueOf(p).Pointer() }

// mappingOf returns the size in bytes and the flags (proc(5), VmFlags of smaps) of the
// mapping that starts at an address.
func mappingOf(t *testing.T, start *byte) (size uint64, flags []string) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	head := fmt.Sprintf("%08x-", addressOf(start))
	found := false
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case !found:
			found = strings.HasPrefix(line, head)
		case fields[0] == "Size:":
			kB, err := strconv.ParseUint(fields[1], 10, 64)
			require.NoError(t, err)
			size = kB << 10
		case fields[0] == "VmFlags:":
			return size, fields[1:]
		}
	}
	require.Fail(t, "no such mapping", head)
	return 0, nil
}
