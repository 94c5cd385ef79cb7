// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// pageOf makes a run page with what an exit says.
func pageOf(words ...uint64) RunPage {
	p := make(RunPage, 3*4096)
	for i := range p[4096:] {
		p[4096+i] = byte(i)
	}
	for i, w := range words {
		binary.NativeEndian.PutUint64(p[exitOffset+8*i:], w)
	}
	return p
}

func TestPortIO(t *testing.T) {
	tests := []struct {
		name  string
		words [2]uint64
		want  PortIO
	}{
		{"out", [2]uint64{1 | 2<<8 | 0x3f8<<16 | 1<<32, 4096}, PortIO{0x3f8, true, 2, []byte{0, 1}}},
		{"in", [2]uint64{0 | 4<<8 | 0xffff<<16 | 1<<32, 4100}, PortIO{0xffff, false, 4, []byte{4, 5, 6, 7}}},
		{"string", [2]uint64{1 | 1<<8 | 3<<32, 4097}, PortIO{0, true, 1, []byte{1, 2, 3}}},
		{"no size", [2]uint64{1 | 1<<32, 4096}, PortIO{}},
		{"beyond the page", [2]uint64{1 | 1<<8 | 1<<32, 3 * 4096}, PortIO{}},
		{"around the end", [2]uint64{1 | 1<<8 | 2<<32, 3*4096 - 1}, PortIO{}},
		{"absurd", [2]uint64{1 | 0xff<<8 | 0xffff_ffff<<32, 1<<64 - 1}, PortIO{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, pageOf(tt.words[:]...).PortIO())
		})
	}
	t.Run("answer", func(t *testing.T) {
		p := pageOf(0|1<<8|1<<32, 4096)
		p.PortIO().Data[0] = 0x77
		require.EqualValues(t, 0x77, p[4096])
	})
}

func TestMMIO(t *testing.T) {
	p := pageOf(0xd000_0000, 0x1122_3344, 4|1<<32)
	require.Equal(t, MMIO{0xd000_0000, true, []byte{0x44, 0x33, 0x22, 0x11}}, p.MMIO())
	p = pageOf(1<<52, 0, 8)
	p.MMIO().Data[7] = 0x77
	require.EqualValues(t, 0x77, p[exitOffset+15])
	require.Len(t, pageOf(0, 0, 0xffff_ffff).MMIO().Data, 8)
}

func TestErrors(t *testing.T) {
	reason, data := pageOf(3|2<<32, 7, 8, 9).InternalError()
	require.EqualValues(t, ErrorDelivery, reason)
	require.Equal(t, []uint64{7, 8}, data)
	_, data = pageOf(1 | 0xffff_ffff<<32).InternalError()
	require.Len(t, data, 16)
	code, cpu := pageOf(0x8000_0021, 5).FailEntry()
	require.EqualValues(t, 0x8000_0021, code)
	require.EqualValues(t, 5, cpu)
	require.EqualValues(t, EventReset, pageOf(EventReset).SystemEvent())
}

// FuzzPortIO: whatever the page says, all accesses lie in it and have one size.
func FuzzPortIO(f *testing.F) {
	f.Add(uint64(1|1<<8|1<<32), uint64(4096))
	f.Add(uint64(1|0xff<<8|0xffff_ffff<<32), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		io := pageOf(a, b).PortIO()
		if io.Size == 0 {
			require.Empty(t, io.Data)
			return
		}
		require.LessOrEqual(t, len(io.Data), 3*4096)
		require.Zero(t, len(io.Data)%io.Size)
	})
}
