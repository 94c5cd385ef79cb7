// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build pooldebug

package pool

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// panicOf returns what f panics with.
func panicOf(f func()) (s string) {
	defer func() { s = fmt.Sprint(recover()) }()
	f()
	return ""
}

//go:noinline
func putHere(b Buffer) { b.Put() }

func TestMisuse(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(p *Pool, b Buffer) // b was put
		want string
	}{
		{"double put", func(_ *Pool, b Buffer) { b.Put() }, "pool: put of buffer 0 after"},
		{"double put in a batch", func(p *Pool, b Buffer) { p.PutBatch([]Buffer{b}) }, "pool: put of buffer 0 after"},
		{"put of another owner's buffer", func(p *Pool, b Buffer) { p.Get(); b.Put() }, "pool: put of buffer 0 after"},
		{"double put to a cache", func(p *Pool, b Buffer) { newCache(t, p, 2).Put(b) }, "pool: put of buffer 0 after"},
		{"double put in a batch to a cache", func(p *Pool, b Buffer) { newCache(t, p, 2).PutBatch([]Buffer{b}) }, "pool: put of buffer 0 after"},
		{"bytes", func(_ *Pool, b Buffer) { b.Bytes() }, "pool: use of buffer 0 after"},
		{"bytes of another owner's buffer", func(p *Pool, b Buffer) { p.Get(); b.Bytes() }, "pool: use of buffer 0 after"},
		{"append", func(_ *Pool, b Buffer) { b.Append(1) }, "pool: use of buffer 0 after"},
		{"prepend", func(_ *Pool, b Buffer) { b.Prepend(1) }, "pool: use of buffer 0 after"},
		{"trim", func(_ *Pool, b Buffer) { b.TrimFront(0) }, "pool: use of buffer 0 after"},
		{"truncate", func(_ *Pool, b Buffer) { b.Truncate(0) }, "pool: use of buffer 0 after"},
		{"reset", func(_ *Pool, b Buffer) { b.Reset() }, "pool: use of buffer 0 after"},
		{"length", func(_ *Pool, b Buffer) { b.Len() }, "pool: use of buffer 0 after"},
		{"headroom", func(_ *Pool, b Buffer) { b.Headroom() }, "pool: use of buffer 0 after"},
		{"tailroom", func(_ *Pool, b Buffer) { b.Tailroom() }, "pool: use of buffer 0 after"},
		{"offset", func(_ *Pool, b Buffer) { b.Offset() }, "pool: use of buffer 0 after"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New(Config{Buffers: 2, Size: 16, Headroom: 4})
			require.NoError(t, err)
			b, _ := p.Get()
			putHere(b)
			got := panicOf(func() { tt.f(p, b) })
			require.Contains(t, got, tt.want)
			require.Contains(t, got, "putHere", "who put it")
		})
	}
}

// TestCached: a buffer in a cache is as free as one in the pool.
func TestCached(t *testing.T) {
	p, err := New(Config{Buffers: 2, Size: 16})
	require.NoError(t, err)
	c := newCache(t, p, 2)
	b, _ := c.Get()
	bytes := b.Append(8)
	c.Put(b)
	require.Contains(t, panicOf(func() { b.Bytes() }), "pool: use of buffer 0 after")
	require.Contains(t, panicOf(func() { b.Put() }), "pool: put of buffer 0 after")
	bytes[3] = 1
	require.Contains(t, panicOf(func() { c.Get() }), "byte 3 of buffer 0 was written while it was free")
}

func TestTwiceInOneBatch(t *testing.T) {
	p, err := New(Config{Buffers: 2, Size: 16})
	require.NoError(t, err)
	b, _ := p.Get()
	require.Contains(t, panicOf(func() { p.PutBatch([]Buffer{b, b}) }), "pool: put of buffer 0 after")
}

func TestWriteAfterPut(t *testing.T) {
	for _, shared := range []bool{false, true} {
		p, err := New(Config{Buffers: 1, Size: 16, Shared: shared})
		require.NoError(t, err)
		b, _ := p.Get()
		bytes := b.Append(8)
		putHere(b)
		bytes[3] = 1
		got := panicOf(func() {
			b, _ := p.Get()
			require.False(t, b.IsZero())
		})
		if shared {
			require.Equal(t, "<nil>", got, "a guest may have done that")
			continue
		}
		require.Contains(t, got, "byte 3 of buffer 0 was written while it was free")
		require.Contains(t, got, "putHere")
	}
}
