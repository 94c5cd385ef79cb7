// SPDX-License-Identifier: MIT OR Apache-2.0

package guestmem

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// cut maps four pages of a file and cuts the last two off the file.
func cut(t testing.TB) (mem []byte, page int) {
	page = os.Getpagesize()
	fd, err := unix.MemfdCreate("arcbox-test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Ftruncate(fd, int64(4*page)))
	mem, err = MapFile(fd, 0, uint64(4*page))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, Unmap(mem)) })
	clear(mem)
	require.NoError(t, unix.Ftruncate(fd, int64(2*page)))
	return mem, page
}

func TestGuardFault(t *testing.T) {
	mem, page := cut(t)
	m, err := New(Region{0, mem})
	require.NoError(t, err)
	word, err := m.Atomic32(uint64(3 * page))
	require.NoError(t, err)
	half, err := m.Uint16(uint64(3 * page))
	require.NoError(t, err)
	buf := make([]byte, 4*page)
	var sink byte
	for _, tt := range []struct {
		name  string
		touch func()
	}{
		{"load", func() { sink = mem[3*page] }},
		{"store", func() { mem[3*page] = 1 }},
		{"copy from", func() { copy(buf, mem) }},
		{"copy to", func() { copy(mem, buf) }},
		{"clear", func() { clear(mem) }},
		{"compare", func() { _ = string(mem) == string(buf) }},
		{"atomic load", func() { _ = word.Load() }},
		{"atomic store", func() { word.Store(1) }},
		{"16-bit load", func() { _ = half.Load() }},
		{"16-bit store", func() { half.Store(1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			after := false
			err := Guard(func() {
				tt.touch()
				after = true
			})
			var fault *FaultError
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, "memory was taken away")
			require.Zero(t, (fault.Addr-addrOf(mem))/uintptr(4*page), "the address is in the mapping")
			require.False(t, after)
		})
	}
	_ = sink
	require.NoError(t, Guard(func() { mem[2*page-1] = 1 }), "what is left of the file is usable")
}

func TestGuardManyGoroutines(t *testing.T) {
	mem, page := cut(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := Guard(func() { mem[2*page]++ }); err == nil {
					t.Error("no error")
				}
			}
		})
	}
	wg.Wait()
}

// TestGuardLetsPanicsGo: only a fault becomes an error.
func TestGuardLetsPanicsGo(t *testing.T) {
	boom := errors.New("boom")
	require.PanicsWithValue(t, boom, func() { _ = Guard(func() { panic(boom) }) })
	require.PanicsWithError(t, "runtime error: invalid memory address or nil pointer dereference", func() {
		_ = Guard(func() {
			var p *Memory
			p.regions = nil
		})
	})
	require.PanicsWithError(t, "runtime error: index out of range [4] with length 4", func() {
		_ = Guard(func() {
			s, i := make([]byte, 4), 4
			s[i] = 1
		})
	})
}

func TestGuardRestores(t *testing.T) {
	mem, page := cut(t)
	for _, f := range []func(){
		func() {},
		func() { mem[2*page] = 1 },
		func() { _ = Guard(func() {}) },
		func() { _ = Guard(func() { mem[2*page] = 1 }) },
	} {
		_ = Guard(f)
		require.False(t, debug.SetPanicOnFault(false))
	}
	// An inner Guard leaves the outer one in force.
	require.Error(t, Guard(func() {
		_ = Guard(func() {})
		mem[2*page] = 1
	}))
}

func TestGuardGoexit(t *testing.T) {
	returned := true
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { returned = false }()
		_ = Guard(runtime.Goexit)
		t.Error("Guard went on after Goexit")
	})
	wg.Wait()
	require.False(t, returned)
}

func TestGuardAllocatesNothing(t *testing.T) {
	n := 0
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = Guard(func() { n++ }) }))
}

func BenchmarkGuard(b *testing.B) {
	n := 0
	for b.Loop() {
		_ = Guard(func() { n++ })
	}
}
