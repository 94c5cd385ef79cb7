// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		name  string
		c     Config
		arena int    // bytes
		want  string // part of the error
	}{
		{"smallest", Config{Buffers: 1, Size: 1}, 1, ""},
		{"all headroom but one", Config{Buffers: 3, Size: 64, Headroom: 63}, 192, ""},
		{"arena is longer", Config{Buffers: 3, Size: 64}, 200, ""},
		{"no buffers", Config{Size: 64}, 64, "0 buffers are not"},
		{"negative buffers", Config{Buffers: -1, Size: 64}, 64, "-1 buffers are not"},
		{"no size", Config{Buffers: 1}, 64, "buffer size of 0 bytes"},
		{"negative size", Config{Buffers: 1, Size: -1}, 64, "buffer size of -1 bytes"},
		{"no room for a packet", Config{Buffers: 1, Size: 64, Headroom: 64}, 64, "headroom of 64 bytes"},
		{"negative headroom", Config{Buffers: 1, Size: 64, Headroom: -1}, 64, "headroom of -1 bytes"},
		{"arena too short", Config{Buffers: 3, Size: 64}, 191, "in an arena of 191 bytes"},
		{"largest", Config{Buffers: math.MaxInt32, Size: math.MaxInt32}, 64, "2147483647 buffers of 2147483647 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Over(make([]byte, tt.arena), tt.c)
			if tt.want != "" {
				require.ErrorContains(t, err, "making packet pool: ")
				require.ErrorContains(t, err, tt.want)
				require.Nil(t, p)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.c, p.Config())
			require.Equal(t, tt.c.Buffers, p.GetBatch(make([]Buffer, tt.c.Buffers+1)))
		})
	}
	_, err := New(Config{})
	require.Error(t, err)
}

// TestArena: buffers are where Offset says, apart from each other, and none reaches
// beyond its place or the part of the arena that is used.
func TestArena(t *testing.T) {
	arena := make([]byte, 100)
	p, err := Over(arena, Config{Buffers: 6, Size: 16, Headroom: 4})
	require.NoError(t, err)
	bufs := make([]Buffer, 6)
	require.Equal(t, 6, p.GetBatch(bufs))
	for i, b := range bufs {
		require.Equal(t, 16*i+4, b.Offset())
		require.Equal(t, 12, b.Tailroom())
		require.Nil(t, b.Append(13))
		require.Nil(t, b.Append(-1))
		require.Len(t, b.Append(12), 12)
		require.Nil(t, b.Prepend(5))
		require.Nil(t, b.Prepend(-1))
		require.Len(t, b.Prepend(4), 4)
		require.Equal(t, 16*i, b.Offset())
		require.Len(t, b.Bytes(), 16)
		require.Equal(t, 16, cap(b.Bytes()))
		for k := range b.Bytes() {
			b.Bytes()[k] = byte(i + 1)
		}
	}
	for i, v := range arena {
		want := byte(0)
		if i < 96 {
			want = byte(i/16 + 1)
		}
		require.Equal(t, want, v, i)
	}
}

func TestForeign(t *testing.T) {
	p, err := New(Config{Buffers: 2, Size: 16})
	require.NoError(t, err)
	other, err := New(Config{Buffers: 2, Size: 16})
	require.NoError(t, err)
	a, _ := p.Get()
	b, _ := other.Get()
	require.Panics(t, func() { p.PutBatch([]Buffer{a, b}) })
	require.Panics(t, func() { p.PutBatch([]Buffer{a, {}}) })
	require.True(t, Buffer{}.IsZero())
	require.False(t, a.IsZero())
	a.Put() // none of the batch was put
	require.Equal(t, 2, p.GetBatch(make([]Buffer, 3)))
}

// TestModel compares a pool with a set of owned buffers, each with a packet.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Buffers: rapid.IntRange(1, 9).Draw(t, "buffers"), Size: rapid.IntRange(1, 40).Draw(t, "size")}
		c.Headroom = rapid.IntRange(0, c.Size-1).Draw(t, "headroom")
		p, err := New(c)
		require.NoError(t, err)
		type owned struct {
			b     Buffer
			begin int // of the packet in its buffer
			want  []byte
		}
		var all []*owned
		seen := byte(0)
		get := func(b Buffer) {
			require.Zero(t, b.Len())
			all = append(all, &owned{b: b, begin: c.Headroom})
		}
		one := func(t *rapid.T) *owned {
			if len(all) == 0 {
				t.Skip("no buffer is owned")
			}
			return all[rapid.IntRange(0, len(all)-1).Draw(t, "which")]
		}
		fill := func(b []byte) []byte {
			for i := range b {
				seen++
				b[i] = seen
			}
			return b
		}
		t.Repeat(map[string]func(*rapid.T){
			"Get": func(t *rapid.T) {
				b, ok := p.Get()
				require.Equal(t, len(all) < c.Buffers, ok)
				if ok {
					get(b)
				}
			},
			"GetBatch": func(t *rapid.T) {
				bufs := make([]Buffer, rapid.IntRange(0, 10).Draw(t, "n"))
				n := p.GetBatch(bufs)
				require.Equal(t, min(len(bufs), c.Buffers-len(all)), n)
				for i, b := range bufs {
					require.Equal(t, i >= n, b.IsZero())
					if i < n {
						get(b)
					}
				}
			},
			"Put": func(t *rapid.T) {
				o := one(t)
				o.b.Put()
				for i := range all {
					if all[i] == o {
						all = append(all[:i], all[i+1:]...)
						break
					}
				}
			},
			"PutBatch": func(t *rapid.T) {
				n := rapid.IntRange(0, len(all)).Draw(t, "n")
				bufs := []Buffer{}
				for _, o := range all[:n] {
					bufs = append(bufs, o.b)
				}
				p.PutBatch(bufs)
				all = all[n:]
			},
			"Prepend": func(t *rapid.T) {
				o, n := one(t), rapid.IntRange(-1, 41).Draw(t, "n")
				b := o.b.Prepend(n)
				require.Equal(t, n >= 0 && n <= o.begin, b != nil)
				if b != nil {
					o.begin -= n
					o.want = append(append([]byte{}, fill(b)...), o.want...)
				}
			},
			"Append": func(t *rapid.T) {
				o, n := one(t), rapid.IntRange(-1, 41).Draw(t, "n")
				b := o.b.Append(n)
				require.Equal(t, n >= 0 && n <= c.Size-o.begin-len(o.want), b != nil)
				o.want = append(o.want, fill(b)...)
			},
			"TrimFront": func(t *rapid.T) {
				o, n := one(t), rapid.IntRange(-1, 41).Draw(t, "n")
				ok := n >= 0 && n <= len(o.want)
				require.Equal(t, ok, o.b.TrimFront(n))
				if ok {
					o.begin, o.want = o.begin+n, o.want[n:]
				}
			},
			"Truncate": func(t *rapid.T) {
				o, n := one(t), rapid.IntRange(-1, 41).Draw(t, "n")
				ok := n >= 0 && n <= len(o.want)
				require.Equal(t, ok, o.b.Truncate(n))
				if ok {
					o.want = o.want[:n]
				}
			},
			"Reset": func(t *rapid.T) {
				o := one(t)
				o.b.Reset()
				o.begin, o.want = c.Headroom, nil
			},
			"": func(t *rapid.T) {
				for _, o := range all {
					require.Equal(t, string(o.want), string(o.b.Bytes()))
					require.Equal(t, len(o.want), o.b.Len())
					require.Equal(t, o.begin, o.b.Headroom())
					require.Equal(t, c.Size-o.begin-len(o.want), o.b.Tailroom())
					require.Equal(t, o.begin, o.b.Offset()%c.Size)
				}
			},
		})
	})
}

func TestNoAllocations(t *testing.T) {
	p, err := New(Config{Buffers: 64, Size: 256, Headroom: 64})
	require.NoError(t, err)
	bufs := make([]Buffer, 32)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		n := p.GetBatch(bufs)
		for _, b := range bufs[:n] {
			b.Append(100)
			b.Prepend(10)
			_ = b.Bytes()
		}
		p.PutBatch(bufs[:n])
		b, _ := p.Get()
		b.Put()
	}))
}
