// SPDX-License-Identifier: MIT OR Apache-2.0

package bus

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// memory is a device that keeps what is written to it.
type memory []byte

func (m memory) Read(off uint64, p []byte)  { copy(p, m[off:][:len(p)]) }
func (m memory) Write(off uint64, p []byte) { copy(m[off:][:len(p)], p) }

func TestAdd(t *testing.T) {
	for _, tt := range []struct {
		name        string
		start, size uint64
		want        string // in the error, "" for none
	}{
		{"empty", 0x100, 0, "not a range"},
		{"wraps", math.MaxUint64, 2, "not a range"},
		{"wraps far", 2, math.MaxUint64, "not a range"},
		{"the same", 0x1000, 0x100, "overlaps 0x1000-0x10ff"},
		{"inside", 0x1010, 1, "overlaps 0x1000-0x10ff"},
		{"around", 0xf00, 0x1000, "overlaps 0x1000-0x10ff"},
		{"first byte", 0xf00, 0x101, "overlaps 0x1000-0x10ff"},
		{"last byte", 0x10ff, 1, "overlaps 0x1000-0x10ff"},
		{"the second one", 0x1200, 0x101, "overlaps 0x1300-0x13ff"},
		{"all", 0, math.MaxUint64, "overlaps 0x1000-0x10ff"},
		{"before", 0xfff, 1, ""},
		{"between", 0x1100, 0x200, ""},
		{"behind", 0x1400, 1, ""},
		{"lowest", 0, 1, ""},
		{"highest", math.MaxUint64, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := New()
			require.NoError(t, b.Add(0x1300, 0x100, memory{}))
			require.NoError(t, b.Add(0x1000, 0x100, memory{}))
			err := b.Add(tt.start, tt.size, make(memory, 1))
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			b.Write(tt.start, []byte{7})
			require.Zero(t, b.Unclaimed())
		})
	}
	require.ErrorContains(t, New().Add(0, 1, nil), "no device")
}

func TestAccess(t *testing.T) {
	b := New()
	const start = 0x1000
	require.NoError(t, b.Add(start, 16, make(memory, 16)))
	require.NoError(t, b.Add(start+16, 16, make(memory, 16)))
	require.NoError(t, b.Add(math.MaxUint64-1, 2, make(memory, 2)))
	for _, tt := range []struct {
		name    string
		addr    uint64
		size    int
		claimed bool
	}{
		{"first byte", start, 1, true},
		{"whole", start, 8, true},
		{"to the end", start + 8, 8, true},
		{"last byte", start + 15, 1, true},
		{"before", start - 1, 1, false},
		{"into the first byte", start - 1, 2, false},
		{"into the next device", start + 15, 2, false},
		{"next device", start + 16, 4, true},
		{"out of the last device", start + 31, 2, false},
		{"behind", start + 32, 1, false},
		{"nothing", start, 0, false},
		{"too long", start, 9, false},
		{"far too long", start, 16, false},
		{"end of the addresses", math.MaxUint64 - 1, 2, true},
		{"around the end of the addresses", math.MaxUint64, 2, false},
		{"lowest address", 0, 8, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := b.Unclaimed()
			data, ones, got := make([]byte, tt.size), make([]byte, tt.size), make([]byte, tt.size)
			for i := range data {
				data[i], ones[i] = byte(i+1), 0xff
			}
			b.Write(tt.addr, data)
			b.Read(tt.addr, got)
			if tt.claimed {
				require.Equal(t, data, got)
				require.Equal(t, before, b.Unclaimed())
			} else {
				require.Equal(t, ones, got)
				require.Equal(t, before+2, b.Unclaimed())
			}
		})
	}
}

// mark is a device that says who it is and which byte was read.
type mark struct{ start uint64 }

func (m mark) Read(off uint64, p []byte) {
	for i := range p {
		p[i] = byte(m.start ^ (off + uint64(i)))
	}
}
func (mark) Write(uint64, []byte) {}

// TestAgainstTable compares the bus with a map from each address to its device.
func TestAgainstTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The addresses that are used: a few, at either end or in between.
		base := rapid.SampledFrom([]uint64{0, 0xc000_0000, math.MaxUint64 - 63}).Draw(t, "base")
		owners := map[uint64]mark{}
		b := New()
		for range rapid.IntRange(0, 12).Draw(t, "devices") {
			off, size := rapid.Uint64Range(0, 63).Draw(t, "off"), rapid.Uint64Range(0, 20).Draw(t, "size")
			good := size > 0 && off+size <= 64 || size > 0 && base != math.MaxUint64-63
			for a := off; a < off+size; a++ {
				if _, taken := owners[base+a]; taken {
					good = false
				}
			}
			m := mark{base + off}
			require.Equal(t, good, b.Add(base+off, size, m) == nil)
			for a := off; good && a < off+size; a++ {
				owners[base+a] = m
			}
		}
		for n := 1; n <= MaxAccess; n++ {
			for i := range uint64(96) {
				addr := base + i - 8
				want := make([]byte, n)
				owner, claimed := owners[addr]
				for j := range want {
					a := addr + uint64(j)
					o, ok := owners[a]
					claimed = claimed && ok && o == owner && a >= addr
					want[j] = byte(owner.start ^ (a - owner.start))
				}
				for j := range want {
					if !claimed {
						want[j] = 0xff
					}
				}
				got := make([]byte, n)
				b.Read(addr, got)
				require.Equal(t, want, got, "%d bytes at %#x", n, addr)
			}
		}
	})
}

// TestAddWhileInUse: a device never vanishes while others are added.
func TestAddWhileInUse(t *testing.T) {
	b := New()
	require.NoError(t, b.Add(1000, 1, mark{1000}))
	stop := make(chan struct{})
	var users, adders sync.WaitGroup
	for range 2 {
		users.Go(func() {
			want := []byte{byte(1000 & 0xff)}
			for p := make([]byte, 1); ; {
				select {
				case <-stop:
					return
				default:
				}
				b.Read(1000, p)
				if p[0] != want[0] {
					t.Errorf("read %#x, want %#x", p[0], want[0])
					return
				}
			}
		})
	}
	for i := range 4 {
		adders.Go(func() {
			for j := range 100 {
				start := uint64(j*4 + i)
				if err := b.Add(start, 1, mark{start}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	adders.Wait()
	close(stop)
	users.Wait()
	for start := range uint64(400) {
		p := make([]byte, 1)
		b.Read(start, p)
		require.Equal(t, byte(start), p[0])
	}
	require.Zero(t, b.Unclaimed())
}

func TestAccessDoesNotAllocate(t *testing.T) {
	b := New()
	require.NoError(t, b.Add(0x3f8, 8, make(memory, 8)))
	p := make([]byte, 4)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b.Write(0x3f8, p)
		b.Read(0x3f8, p)
		b.Read(0x80, p)
		b.Write(0x80, p)
	}))
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1, 8, 40} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			bus := New()
			for i := range n {
				require.NoError(b, bus.Add(uint64(i)*0x1000, 0x200, mark{}))
			}
			p := make([]byte, 4)
			for i := 0; b.Loop(); i++ {
				bus.Read(uint64(i%n)*0x1000+8, p)
			}
		})
	}
}
