// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNew(t *testing.T) {
	mem := func(n int) []byte { return make([]byte, n) }
	for _, tt := range []struct {
		name    string
		regions []Region
		want    string // part of the error
	}{
		{"one", []Region{{0x1000, mem(16)}}, ""},
		{"at zero", []Region{{0, mem(16)}}, ""},
		{"unsorted", []Region{{0x3000, mem(16)}, {0x1000, mem(16)}}, ""},
		{"adjacent", []Region{{0x1000, mem(16)}, {0x1010, mem(16)}}, ""},
		{"up to the end of the address space", []Region{{math.MaxUint64 - 15, mem(16)}}, ""},
		{"none", nil, "no regions"},
		{"empty", []Region{{0x1000, mem(16)}, {0x2000, nil}}, "region at 0x2000 is empty"},
		{"wraps by a byte", []Region{{math.MaxUint64 - 14, mem(16)}}, "wraps"},
		{"wraps around all", []Region{{0, mem(16)}, {math.MaxUint64, mem(32)}}, "wraps"},
		{"overlap by a byte", []Region{{0x1000, mem(16)}, {0x100f, mem(16)}}, "region at 0x100f overlaps the one at 0x1000"},
		{"twice the same", []Region{{0x1000, mem(16)}, {0x1000, mem(16)}}, "overlaps"},
		{"one within another", []Region{{0x1008, mem(1)}, {0x1000, mem(32)}}, "overlaps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := New(tt.regions...)
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				require.Nil(t, m)
				return
			}
			require.NoError(t, err)
			require.Len(t, m.Regions(), len(tt.regions))
			require.IsIncreasing(t, append(addrs(m.Regions()), math.MaxUint64))
		})
	}
}

func addrs(regions []Region) (a []uint64) {
	for _, r := range regions {
		a = append(a, r.Addr)
	}
	return a
}

func TestNewCopiesTable(t *testing.T) {
	regions := []Region{{0x1000, make([]byte, 16)}}
	m, err := New(regions...)
	require.NoError(t, err)
	regions[0].Addr = 0
	_, err = m.Slice(0x1000, 16)
	require.NoError(t, err)
}

func TestSlice(t *testing.T) {
	const top = math.MaxUint64 - 15
	low, mid, high := make([]byte, 16), make([]byte, 16), make([]byte, 16)
	m, err := New(Region{top, high}, Region{0x1000, low}, Region{0x1010, mid})
	require.NoError(t, err)
	for _, tt := range []struct {
		name    string
		addr, n uint64
		want    []byte
		ok      bool
	}{
		{"all of a region", 0x1000, 16, low, true},
		{"inside", 0x1004, 4, low[4:8], true},
		{"last byte", 0x100f, 1, low[15:], true},
		{"adjacent region", 0x1010, 16, mid, true},
		{"up to 2^64", top, 16, high, true},
		{"last byte of all", math.MaxUint64, 1, high[15:], true},
		{"nothing, inside", 0x1008, 0, low[8:8], true},
		{"nothing, past the end", 0x1020, 0, nil, false},
		{"nothing, outside", 0, 0, nil, false},
		{"before", 0xfff, 1, nil, false},
		{"begins before", 0xfff, 2, nil, false},
		{"ends behind", 0x1018, 9, nil, false},
		{"across adjacent regions", 0x100f, 2, nil, false},
		{"sum wraps", 0x1008, math.MaxUint64, nil, false},
		{"sum wraps to the start", 0x1008, math.MaxUint64 - 0x1007, nil, false},
		{"past 2^64", math.MaxUint64, 2, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Slice(tt.addr, tt.n)
			if !tt.ok {
				var re *RangeError
				require.ErrorAs(t, err, &re)
				require.Equal(t, RangeError{tt.addr, tt.n}, *re)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Len(t, got, int(tt.n))
			require.Equal(t, len(got), cap(got), "must not grow into what follows")
			if tt.n > 0 {
				require.Same(t, &tt.want[0], &got[0])
			}
		})
	}
}

func TestAppend(t *testing.T) {
	a, b, c := make([]byte, 16), make([]byte, 8), make([]byte, 16)
	top := make([]byte, 16)
	m, err := New(Region{0x1000, a}, Region{0x1010, b}, Region{0x1018, c}, Region{math.MaxUint64 - 15, top})
	require.NoError(t, err)
	kept := []byte("kept")
	for _, tt := range []struct {
		name    string
		addr, n uint64
		want    [][]byte // nil: an error
	}{
		{"one region", 0x1002, 4, [][]byte{a[2:6]}},
		{"to a region's end", 0x1008, 8, [][]byte{a[8:]}},
		{"two regions", 0x100c, 8, [][]byte{a[12:], b[:4]}},
		{"three regions", 0x100c, 20, [][]byte{a[12:], b, c[:8]}},
		{"all", 0x1000, 40, [][]byte{a, b, c}},
		{"nothing, anywhere", 42, 0, [][]byte{}},
		{"up to 2^64", math.MaxUint64 - 15, 16, [][]byte{top}},
		{"past 2^64", math.MaxUint64 - 15, 17, nil},
		{"into a hole", 0x1000, 41, nil},
		{"all there is", 0x1000, math.MaxUint64, nil},
		{"outside", 0x2000, 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := m.Append(Segments(kept), tt.addr, tt.n)
			require.Equal(t, kept, got[0].Bytes())
			if tt.want == nil {
				require.ErrorAs(t, err, new(*RangeError))
				require.Len(t, got, 1)
				return
			}
			require.NoError(t, err)
			require.Len(t, got, 1+len(tt.want))
			for i, w := range tt.want {
				b := got[1+i].Bytes()
				require.Same(t, &w[0], &b[0])
				require.Equal(t, len(w), len(b))
				require.Equal(t, len(w), cap(b))
			}
		})
	}
}

// TestLookupAgainstModel compares lookups with a map from address to byte.
func TestLookupAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Regions of 1 to 8 bytes with gaps of 0 to 3, near 0 or near 2^64.
		at := rapid.SampledFrom([]uint64{0, 5, math.MaxUint64 - 120}).Draw(t, "first")
		var regions []Region
		model := map[uint64]*byte{}
		for range rapid.IntRange(1, 10).Draw(t, "regions") {
			at += uint64(rapid.IntRange(0, 3).Draw(t, "gap"))
			mem := make([]byte, rapid.IntRange(1, 8).Draw(t, "len"))
			for i := range mem {
				model[at+uint64(i)] = &mem[i]
			}
			regions = append(regions, Region{at, mem})
			at += uint64(len(mem))
		}
		m, err := New(rapid.Permutation(regions).Draw(t, "order")...)
		require.NoError(t, err)

		addr := regions[0].Addr + uint64(rapid.IntRange(-3, 120).Draw(t, "addr"))
		n := uint64(rapid.IntRange(1, 120).Draw(t, "n"))
		var want []*byte
		for i := range n {
			p, ok := model[addr+i]
			if !ok || addr+i < addr {
				want = nil
				break
			}
			want = append(want, p)
		}
		segs, err := m.Append(nil, addr, n)
		require.Equal(t, want == nil, err != nil)
		var got []*byte
		for _, s := range segs {
			for i := range s.Bytes() {
				got = append(got, &s.Bytes()[i])
			}
		}
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Same(t, want[i], got[i])
		}
		if s, err := m.Slice(addr, n); err == nil {
			require.NotNil(t, want)
			require.Same(t, want[0], &s[0])
			require.Len(t, s, len(want))
		} else {
			require.NotEqual(t, 1, len(segs))
		}
		r, ok := m.Region(addr)
		require.Equal(t, model[addr] != nil, ok)
		if ok {
			require.Contains(t, regions, r)
			require.Same(t, model[addr], &r.Mem[addr-r.Addr])
		}
	})
}

func TestLookupAllocatesNothing(t *testing.T) {
	m, err := New(Region{0, make([]byte, 64)}, Region{64, make([]byte, 64)})
	require.NoError(t, err)
	dst := make([]Segment, 0, 2)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if b, err := m.Append(dst, 32, 64); err != nil || len(b) != 2 {
			t.Fatal(b, err)
		}
		if _, err := m.Slice(0, 64); err != nil {
			t.Fatal(err)
		}
	}))
}

func BenchmarkAppend(b *testing.B) {
	for _, bb := range []struct {
		name    string
		regions int
	}{{"regions=1", 1}, {"regions=2", 2}, {"regions=64", 64}} {
		b.Run(bb.name, func(b *testing.B) {
			var regions []Region
			for i := range bb.regions {
				regions = append(regions, Region{uint64(i) << 20, make([]byte, 4096)})
			}
			m, err := New(regions...)
			require.NoError(b, err)
			dst := make([]Segment, 0, 1)
			addr := regions[bb.regions/2].Addr + 64
			for b.Loop() {
				if _, err := m.Append(dst, addr, 1500); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
