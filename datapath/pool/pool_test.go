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
	c := newCache(t, p, 4)
	a, _ := p.Get()
	b, _ := other.Get()
	require.Panics(t, func() { p.PutBatch([]Buffer{a, b}) })
	require.Panics(t, func() { p.PutBatch([]Buffer{a, {}}) })
	require.Panics(t, func() { c.PutBatch([]Buffer{a, b}) })
	require.Panics(t, func() { c.PutBatch([]Buffer{a, {}}) })
	require.Panics(t, func() { c.Put(b) })
	require.Panics(t, func() { c.Put(Buffer{}) })
	c.Flush()
	a.Put() // nothing was put by the batches
	require.Equal(t, 2, p.GetBatch(make([]Buffer, 3)))
}

// TestForeignInLongBatch: nothing is put of a batch that takes several accesses to the
// free list either, wherever the foreign buffer is.
func TestForeignInLongBatch(t *testing.T) {
	const n = 3 * moveMost
	p, err := New(Config{Buffers: n, Size: 1})
	require.NoError(t, err)
	c := newCache(t, p, 4)
	bufs := make([]Buffer, n)
	for _, foreign := range []int{0, n / 2, n - 1} {
		require.Equal(t, n, p.GetBatch(bufs))
		b := bufs[foreign]
		bufs[foreign] = Buffer{}
		require.Panics(t, func() { p.PutBatch(bufs) })
		require.Panics(t, func() { c.PutBatch(bufs) })
		_, ok := p.Get()
		require.False(t, ok)
		bufs[foreign] = b
		p.PutBatch(bufs)
	}
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
					require.Zero(t, (o.b.Offset()-o.begin)%c.Size, "from the start of a buffer")
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

// TestLastInFirstOut: what was put last is got first, and a batch keeps its order.
func TestLastInFirstOut(t *testing.T) {
	p, err := New(Config{Buffers: 200, Size: 1})
	require.NoError(t, err)
	bufs := make([]Buffer, 200)
	for _, n := range []int{1, 2, moveMost, moveMost + 1, 2*moveMost + 1, 200} {
		require.Equal(t, n, p.GetBatch(bufs[:n]))
		want := offsets(bufs[:n])
		p.PutBatch(bufs[:n])
		require.Equal(t, n, p.GetBatch(bufs[:n]))
		require.Equal(t, want, offsets(bufs[:n]))
		p.PutBatch(bufs[:n])
	}
	a, _ := p.Get()
	b, _ := p.Get()
	at := a.Offset()
	b.Put()
	a.Put()
	a, _ = p.Get()
	require.Equal(t, at, a.Offset())
}

// TestTooMany: more puts than gets are found even without pooldebug once the free list
// is full, and it can be used afterwards.
func TestTooMany(t *testing.T) {
	var l list
	l.init(2)
	require.PanicsWithValue(t, tooMany, func() { l.push(1) })
	require.PanicsWithValue(t, tooMany, func() { l.give([]uint32{1}) })
	dst := make([]uint32, 3)
	require.Equal(t, 2, l.take(dst))
	require.Equal(t, []uint32{1, 0}, dst[:2])
	require.PanicsWithValue(t, tooMany, func() { l.give(dst) })
	l.give(dst[:2])
	index, ok := l.pop()
	require.True(t, ok)
	require.Zero(t, index)
}

// offsets returns where buffers of one byte are in their pool.
func offsets(bufs []Buffer) []int {
	at := []int{}
	for _, b := range bufs {
		at = append(at, b.Offset())
	}
	return at
}
