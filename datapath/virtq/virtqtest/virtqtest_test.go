// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

func TestArena(t *testing.T) {
	a, err := NewMemory(1000)
	require.NoError(t, err)
	addr, first, err := a.Alloc(10, 1)
	require.NoError(t, err)
	require.Equal(t, uint64(Base), addr)
	require.Len(t, first, 10)
	addr, second, err := a.Alloc(100, 64)
	require.NoError(t, err)
	require.Equal(t, uint64(Base+64), addr)
	require.Len(t, second, 100)
	first[9], second[0] = 1, 2
	require.Equal(t, byte(1), first[9])

	for _, tt := range []struct{ n, align uint64 }{{1000, 1}, {837, 1}, {830, 16}, {1, 4096}, {^uint64(0), 1}} {
		_, _, err = a.Alloc(tt.n, tt.align)
		require.ErrorContains(t, err, "836 are left", "%d bytes aligned to %d", tt.n, tt.align)
	}
	b, mem, err := a.Buffer(836-4, true)
	require.NoError(t, err)
	require.Equal(t, Buffer{Addr: Base + 168, Len: 832, Writable: true}, b)
	require.Len(t, mem, 832)

	m, err := guestmem.New(guestmem.Region{Addr: 0x1000, Mem: make([]byte, 16)})
	require.NoError(t, err)
	_, err = NewArena(m, 0x1000, 17)
	require.ErrorContains(t, err, "making an arena")
}

func TestNewDriverRefuses(t *testing.T) {
	a, err := NewMemory(64 << 10)
	require.NoError(t, err)
	for _, size := range []uint16{0, 3, 0xffff} {
		_, err := NewDriver(a, size, Options{})
		require.ErrorContains(t, err, "bad size")
	}
	_, err = NewDriver(a, virtq.MaxSize, Options{})
	require.ErrorContains(t, err, "allocating a queue of 32768")

	good, err := AllocLayout(a, 8)
	require.NoError(t, err)
	for name, l := range map[string]virtq.Layout{
		"descriptor table": {Size: 8, Avail: good.Avail, Used: good.Used},
		"available ring":   {Size: 8, Desc: good.Desc, Used: good.Used},
		"used ring":        {Size: 8, Desc: good.Desc, Avail: good.Avail},
		"words of a queue": {Size: 8, Desc: good.Desc, Avail: good.Avail + 2, Used: good.Used},
	} {
		_, err := NewRings(a.Memory(), l)
		require.ErrorContains(t, err, name)
	}
}

// TestAdd looks at what a driver writes, field by field.
func TestAdd(t *testing.T) {
	a, err := NewMemory(1 << 20)
	require.NoError(t, err)
	d, err := NewDriver(a, 4, Options{})
	require.NoError(t, err)
	in, out := Buffer{Addr: Base, Len: 3}, Buffer{Addr: Base + 8, Len: 5, Writable: true}

	_, err = d.Add()
	require.ErrorContains(t, err, "no buffers")
	_, err = d.AddIndirect()
	require.ErrorContains(t, err, "0 buffers")
	_, err = d.AddIndirect(make([]Buffer, 5)...)
	require.ErrorContains(t, err, "5 buffers in a queue of 4")
	_, err = d.Add(make([]Buffer, 5)...)
	require.ErrorIs(t, err, ErrFull)

	head, err := d.Add(in, in, out)
	require.NoError(t, err)
	require.Equal(t, uint16(0), head)
	var want [3 * DescSize]byte
	Desc{Addr: Base, Len: 3, Flags: FlagNext, Next: 1}.Put(want[0:])
	Desc{Addr: Base, Len: 3, Flags: FlagNext, Next: 2}.Put(want[16:])
	Desc{Addr: Base + 8, Len: 5, Flags: FlagWrite}.Put(want[32:])
	require.Equal(t, want[:], d.desc[:len(want)])
	require.Equal(t, []byte{
		0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 0, 1, 0,
	}, want[:DescSize], "little-endian")
	_, err = d.Add(in, out)
	require.ErrorIs(t, err, ErrFull)

	head, err = d.AddIndirect(in, out)
	require.NoError(t, err)
	require.Equal(t, uint16(3), head)
	Desc{Addr: d.tables[3].addr, Len: 2 * DescSize, Flags: FlagIndirect}.Put(want[:])
	require.Equal(t, want[:DescSize], d.desc[3*DescSize:])
	_, err = d.AddIndirect(in, out)
	require.ErrorIs(t, err, ErrFull)
	require.Zero(t, d.Free())

	_, index := d.Avail()
	require.Zero(t, index, "not published yet")
	kicks := 0
	d.opts.Kick = func() { kicks++ }
	d.Kick()
	d.Kick()
	require.Equal(t, 1, kicks)
	_, index = d.Avail()
	require.Equal(t, uint16(2), index)
	require.Equal(t, []byte{0, 0, 3, 0}, d.avail[:4])
}

// TestReapFindsBrokenDevice: what a device must not do.
func TestReapFindsBrokenDevice(t *testing.T) {
	for _, tt := range []struct {
		name  string
		head  uint16
		index uint16
		want  string
	}{
		{"never sent", 3, 1, "chain 3 at index 0 is not with the device"},
		{"no head", 1, 1, "chain 1 at index 0 is not with the device"},
		{"beyond the queue", 4, 1, "chain 4 at index 0"},
		{"twice", 0, 2, "chain 0 at index 1"},
		{"index jumps", 0, 5, "jumped from 0 to 5"},
		{"index goes back", 0, 0xffff, "jumped from 0 to 65535"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := NewMemory(1 << 20)
			require.NoError(t, err)
			d, q, err := NewPair(a, 4, Options{})
			require.NoError(t, err)
			b := Buffer{Addr: Base, Len: 1}
			_, err = d.Add(b, b)
			require.NoError(t, err)
			d.Publish()
			q.Push(tt.head, 0)
			q.Push(tt.head, 0)
			d.SetUsed(0, tt.index)
			_, err = d.Reap(make([]Done, 4))
			require.ErrorContains(t, err, tt.want)
		})
	}
}
