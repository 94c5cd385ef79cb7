// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWords(t *testing.T) {
	mem := make([]byte, 64)
	m, err := New(Region{0x1000, mem})
	require.NoError(t, err)

	w, err := m.Atomic32(0x1004)
	require.NoError(t, err)
	w.Store(0x04030201)
	require.Equal(t, []byte{1, 2, 3, 4}, mem[4:8], "little-endian")

	h, err := m.Uint16(0x1006)
	require.NoError(t, err)
	require.Equal(t, uint16(0x0403), h.Load())
	h.Store(0x0605)
	require.Equal(t, uint32(0x06050201), w.Load())
	require.Equal(t, byte(0), mem[8], "a store stays within its word")

	last, err := m.Uint16(0x103e)
	require.NoError(t, err)
	last.Store(0xffff)
	require.Equal(t, []byte{0, 0xff, 0xff}, mem[61:])
}

func TestWordsRefused(t *testing.T) {
	mem := make([]byte, 64)
	m, err := New(Region{0x1000, mem[1:]}, Region{0x2000, mem[:6]})
	require.NoError(t, err)
	for _, tt := range []struct {
		name string
		addr uint64
		size int
		want string
	}{
		{"aligned for the guest, not here", 0x1000, 4, "not aligned in this process"},
		{"aligned for the guest, not here", 0x1000, 2, "not aligned in this process"},
		{"aligned to half", 0x2002, 4, "not aligned in this process"},
		{"cut by the end", 0x2004, 4, "not in guest memory"},
		{"outside", 0, 4, "not in guest memory"},
		{"outside", 0x2006, 2, "not in guest memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			if tt.size == 4 {
				p, e := m.Atomic32(tt.addr)
				require.Nil(t, p)
				err = e
			} else {
				p, e := m.Uint16(tt.addr)
				require.Nil(t, p)
				err = e
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEntries(t *testing.T) {
	mem := make([]byte, 64)
	m, err := New(Region{0x1000, mem}, Region{0x2000, mem[1:]})
	require.NoError(t, err)

	heads, err := Entries[uint16](m, 0x1002, 3)
	require.NoError(t, err)
	require.Len(t, heads, 3)
	require.Equal(t, 3, cap(heads))
	heads[2] = 0x0201
	require.Equal(t, []byte{0, 1, 2, 0}, mem[5:9], "little-endian, in its place")

	used, err := Entries[[2]uint32](m, 0x1004, 7)
	require.NoError(t, err)
	require.Len(t, used, 7)
	used[6] = [2]uint32{0x04030201, 0x08070605}
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8}, mem[52:60])

	for _, tt := range []struct {
		name    string
		addr, n uint64
		want    string
	}{
		{"beyond the end", 0x1004, 8, "not in guest memory"},
		{"outside", 0, 1, "not in guest memory"},
		{"more than there are addresses", 0x1000, 1<<61 + 1, "not in guest memory"},
		{"aligned for the guest, not here", 0x2000, 1, "not aligned in this process"},
	} {
		got, err := Entries[[2]uint32](m, tt.addr, tt.n)
		require.ErrorContains(t, err, tt.want, tt.name)
		require.Nil(t, got, tt.name)
	}
}
