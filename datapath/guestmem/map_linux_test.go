// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMapFile(t *testing.T) {
	page := int64(os.Getpagesize())
	size := uint64(8 * page)
	f, err := Create("arcbox-test", size)
	require.NoError(t, err)
	defer f.Close()
	whole, err := MapFile(int(f.Fd()), 0, size)
	require.NoError(t, err)
	defer func() { require.NoError(t, Unmap(whole)) }()
	for i := range whole {
		whole[i] = byte(i / 7)
	}

	for _, tt := range []struct {
		name   string
		offset int64
		size   uint64
	}{
		{"all", 0, size},
		{"a page", page, uint64(page)},
		{"less than a page", page, 100},
		{"offset inside a page", page + 100, 100},
		{"offset inside a page, to the end", 3*page + 1, uint64(5*page - 1)},
		{"one byte at the end", 8*page - 1, 1},
		{"across pages", page - 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, err := MapFile(int(f.Fd()), tt.offset, tt.size)
			require.NoError(t, err)
			require.Equal(t, whole[tt.offset:][:tt.size], mem)
			require.Equal(t, len(mem), cap(mem))
			mem[0]++
			require.Equal(t, mem[0], whole[tt.offset], "the mapping is shared")
			before := mappings(t)
			require.NoError(t, Unmap(mem))
			require.Equal(t, before-1, mappings(t))
		})
	}
}

// mappings counts the mappings of this test's file.
func mappings(t *testing.T) int {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return strings.Count(string(maps), "/memfd:arcbox-test ")
}

func TestMapFileRefuses(t *testing.T) {
	f, err := Create("arcbox-test", 8192)
	require.NoError(t, err)
	defer f.Close()
	null, err := os.Open("/dev/null")
	require.NoError(t, err)
	defer null.Close()
	for _, tt := range []struct {
		name   string
		fd     int
		offset int64
		size   uint64
		want   string
	}{
		{"nothing", int(f.Fd()), 0, 0, "bad size"},
		{"huge", int(f.Fd()), 0, math.MaxUint64, "bad size"},
		{"a page more than an int", int(f.Fd()), 0, math.MaxInt, "bad size"},
		{"negative offset", int(f.Fd()), -4096, 4096, "bad offset"},
		{"sum beyond an int64", int(f.Fd()), math.MaxInt64 - 4095, 8192, "bad offset"},
		{"a byte too many", int(f.Fd()), 4096, 4097, "beyond the file's end"},
		{"offset behind the end", int(f.Fd()), 1 << 40, 1, "beyond the file's end"},
		{"no descriptor", -1, 0, 4096, "fstat"},
		{"what cannot be mapped", int(null.Fd()), 0, 4096, "mmap"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, err := MapFile(tt.fd, tt.offset, tt.size)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, mem)
		})
	}
}

func TestUnmapRefusesNothing(t *testing.T) {
	require.Error(t, Unmap(nil))
}

func TestCreate(t *testing.T) {
	const size = 1 << 40 // more than any host has: nothing may be reserved or touched
	f, err := Create("arcbox-test", size)
	require.NoError(t, err)
	defer f.Close()
	mem, err := MapFile(int(f.Fd()), 0, size)
	require.NoError(t, err)
	defer func() { require.NoError(t, Unmap(mem)) }()
	mem[size/2] = 1
	require.Zero(t, mem[size-1])

	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.Fd()), &st))
	require.Equal(t, int64(size), st.Size)
	require.LessOrEqual(t, st.Blocks*512, int64(8<<20), "memory was taken for what was not touched")
	require.ErrorIs(t, f.Truncate(size/2), unix.EPERM, "the size is sealed")
	require.ErrorIs(t, f.Truncate(size*2), unix.EPERM, "the size is sealed")
}

func TestCreateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		file string
		size uint64
		want string
	}{
		{"nothing", "x", 0, "bad size"},
		{"huge", "x", math.MaxUint64, "bad size"},
		{"long name", string(make([]byte, 300)), 4096, "memfd_create"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Create(tt.file, tt.size)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
