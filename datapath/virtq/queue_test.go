// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

func TestNew(t *testing.T) {
	// Regions: one that holds the largest queue, and one up to 2^64.
	const base, top = 0x100000, math.MaxUint64 - 0xfff
	mem, err := guestmem.New(
		guestmem.Region{Addr: base, Mem: make([]byte, 1<<20)},
		guestmem.Region{Addr: top, Mem: make([]byte, 4096)},
	)
	require.NoError(t, err)
	end := uint64(base + 1<<20)
	good := virtq.Layout{Size: 8, Desc: base, Avail: base + 0x80, Used: base + 0x94}
	for _, tt := range []struct {
		name string
		edit func(l *virtq.Layout)
		want string // part of the error
	}{
		{"packed as tightly as can be", func(*virtq.Layout) {}, ""},
		{"size 1", func(l *virtq.Layout) { l.Size = 1 }, ""},
		{"size 32768", func(l *virtq.Layout) {
			*l = virtq.Layout{Size: 32768, Desc: base, Avail: base + 0x80000, Used: base + 0xa0000}
		}, ""},
		{"parts in different regions", func(l *virtq.Layout) { l.Used = top }, ""},
		{"used ring ends with its region", func(l *virtq.Layout) { l.Used = end - 72 }, ""},
		{"used ring ends at 2^64", func(l *virtq.Layout) { l.Used = math.MaxUint64 - 71 }, ""},
		{"available ring ends with its region", func(l *virtq.Layout) { l.Avail = end - 22 }, ""},
		{"available ring aligned to 2", func(l *virtq.Layout) { l.Avail = base + 0x202 }, ""},

		{"size 0", func(l *virtq.Layout) { l.Size = 0 }, "size 0 is not a power of two"},
		{"size 7", func(l *virtq.Layout) { l.Size = 7 }, "size 7 is not a power of two"},
		{"size 32769", func(l *virtq.Layout) { l.Size = 32769 }, "size 32769"},
		{"size 65535", func(l *virtq.Layout) { l.Size = 65535 }, "size 65535"},
		{"descriptor table aligned to 8", func(l *virtq.Layout) { l.Desc += 8 }, "descriptor table at 0x100008 is not aligned to 16"},
		{"available ring aligned to 1", func(l *virtq.Layout) { l.Avail++ }, "available ring at 0x100081 is not aligned to 2"},
		{"used ring aligned to 2", func(l *virtq.Layout) { l.Used += 2 }, "used ring at 0x100096 is not aligned to 4"},
		{"null", func(l *virtq.Layout) { *l = virtq.Layout{Size: 8} }, "descriptor table"},
		{"descriptor table outside", func(l *virtq.Layout) { l.Desc = end }, "descriptor table"},
		{"descriptor table over the end", func(l *virtq.Layout) { l.Desc = end - 112 }, "descriptor table"},
		{"available ring over the end", func(l *virtq.Layout) { l.Avail = end - 20 }, "available ring"},
		{"used ring over the end", func(l *virtq.Layout) { l.Used = end - 68 }, "used ring"},
		{"descriptor table wraps", func(l *virtq.Layout) { l.Desc = math.MaxUint64 - 15 }, "descriptor table"},
		{"available ring wraps", func(l *virtq.Layout) { l.Avail = math.MaxUint64 - 1 }, "available ring"},
		{"used ring wraps", func(l *virtq.Layout) { l.Used = math.MaxUint64 - 3 }, "used ring"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := good
			tt.edit(&l)
			q, err := virtq.New(mem, l, virtq.Options{EventIdx: true})
			if tt.want != "" {
				require.ErrorContains(t, err, "setting up virtqueue: ")
				require.ErrorContains(t, err, tt.want)
				require.Nil(t, q)
				return
			}
			require.NoError(t, err)
			require.Equal(t, l.Size, q.Size())
			// Every word of the queue can be used.
			require.False(t, q.Pending())
			require.False(t, q.EnableKicks())
			q.Push(0, 0)
			q.Publish()
			require.Equal(t, uint16(1), q.UsedIndex())
		})
	}
}

// TestNewMisaligned: memory whose bytes are not where the guest thinks they are,
// relative to a word.
func TestNewMisaligned(t *testing.T) {
	back := make([]byte, 4096)
	for shift, ok := range []bool{true, false, false, false} {
		mem, err := guestmem.New(guestmem.Region{Addr: 0x1000, Mem: back[shift:]})
		require.NoError(t, err)
		_, err = virtq.New(mem, virtq.Layout{Size: 8, Desc: 0x1000, Avail: 0x1080, Used: 0x1100}, virtq.Options{})
		if ok {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "not aligned in this process")
	}
}

// TestAvailAlignedToTwo: the available ring may be at an odd multiple of 2.
func TestAvailAlignedToTwo(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	const off = 0x182
	l := imageLayout
	l.Avail = imageBase + off
	q, err := virtq.New(mem, l, virtq.Options{})
	require.NoError(t, err)
	m.desc(3, bufferAddr, 8, 0, 0)
	ring := m[off:]
	chains := make([]virtq.Chain, imageQueue)
	for index := uint16(1); index != 0; index++ {
		binary.LittleEndian.PutUint16(ring[4+2*((index-1)%imageQueue):], 3)
		binary.LittleEndian.PutUint16(ring[2:], index)
		binary.LittleEndian.PutUint16(ring[0:], index%2)
		n, err := q.Pop(chains)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, uint16(3), chains[0].Head)
		q.Push(3, 0)
		require.Equal(t, index%2 == 0, q.Publish())
	}
}

// TestFrozen: what the transport's layout, or a driver, says later changes nothing.
func TestFrozen(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	l := imageLayout
	l.Size = 4
	q, err := virtq.New(mem, l, virtq.Options{})
	require.NoError(t, err)
	l.Size, l.Desc, l.Avail, l.Used = imageQueue, 0, 0, 0

	// Four chains round the ring of four, where a ring of eight has them elsewhere.
	chains := make([]virtq.Chain, imageQueue)
	for i := range uint16(4) {
		m.desc(int(i), bufferAddr, uint32(i)+1, 0, 0)
	}
	m.avail(0, 1, 2, 3)
	n, err := q.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	for i := range 4 {
		require.Equal(t, uint64(i+1), chains[i].ReadableLen())
		q.Push(chains[i].Head, 0)
	}
	q.Publish()
	require.Equal(t, uint16(4), q.Size())

	// A driver that goes on as if the queue had grown breaks it.
	m.desc(5, bufferAddr, 8, 0, 0)
	m.avail(5)
	m.availIndex(5)
	n, err = q.Pop(chains)
	requireBroken(t, q, virtq.BadHead, n, err)
}

func TestChainStorage(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	q, err := virtq.New(mem, imageLayout, virtq.Options{})
	require.NoError(t, err)
	m.desc(0, bufferAddr, 8, fNext, 1)
	m.desc(1, bufferAddr+8, 8, fNext|fWrite, 2)
	m.desc(2, bufferAddr+16, 16, fWrite, 0)
	m.desc(3, bufferAddr+64, 4, fWrite, 0)
	m.avail(0, 3)
	batch, kept := make([]virtq.Chain, 1), virtq.Chain{}
	n, err := q.Pop(batch)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	kept, batch[0] = batch[0], kept
	n, err = q.Pop(batch)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	require.Equal(t, uint64(8), kept.ReadableLen())
	require.Equal(t, uint64(24), kept.WritableLen())
	require.Same(t, &m[bufferOff], &kept.Readable()[0].Bytes()[0])
	require.Same(t, &m[bufferOff+8], &kept.Writable()[0].Bytes()[0])
	require.Same(t, &m[bufferOff+16], &kept.Writable()[1].Bytes()[0])
	require.Empty(t, batch[0].Readable())
	require.Same(t, &m[bufferOff+64], &batch[0].Writable()[0].Bytes()[0])

	// To append to the one must not write over the other.
	_ = append(kept.Readable(), guestmem.Segment{})
	require.Equal(t, 8, kept.Writable()[0].Len())
}

func TestUnpop(t *testing.T) {
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	d, q, err := virtqtest.NewPair(a, 8, virtqtest.Options{})
	require.NoError(t, err)
	var heads []uint16
	for range 5 {
		head, err := d.Add(virtqtest.Buffer{Addr: virtqtest.Base, Len: 1})
		require.NoError(t, err)
		heads = append(heads, head)
	}
	d.Publish()
	chains := make([]virtq.Chain, 8)
	pop := func(want ...uint16) {
		t.Helper()
		n, err := q.Pop(chains)
		require.NoError(t, err)
		require.Len(t, want, n)
		for i := range want {
			require.Equal(t, want[i], chains[i].Head)
		}
	}
	pop(heads...)
	require.Equal(t, 5, q.InFlight())
	q.Push(heads[0], 0)
	q.Unpop(2)
	require.Equal(t, 2, q.InFlight())
	pop(heads[3:]...)
	q.Unpop(-1)
	q.Unpop(0)
	pop()
	q.Unpop(100)
	require.Equal(t, 0, q.InFlight())
	pop(heads[1:]...)
}

// TestSetPosition: another instance takes over where the first has stopped.
func TestSetPosition(t *testing.T) {
	for _, eventIdx := range []bool{false, true} {
		a, err := virtqtest.NewMemory(1 << 20)
		require.NoError(t, err)
		o := virtqtest.Options{Options: virtq.Options{EventIdx: eventIdx}}
		d, q, err := virtqtest.NewPair(a, 4, o)
		require.NoError(t, err)
		chains, done := make([]virtq.Chain, 4), make([]virtqtest.Done, 4)
		buf := virtqtest.Buffer{Addr: virtqtest.Base, Len: 1}
		for range 70000 { // also past 2^16
			_, err := d.Add(buf)
			require.NoError(t, err)
			d.Publish()
			_, err = q.Pop(chains)
			require.NoError(t, err)
			q.Push(chains[0].Head, 0)
			q.Publish()
			_, err = d.Reap(done)
			require.NoError(t, err)
		}
		d.DisableInterrupts()
		q.DisableKicks()
		_, err = d.Add(buf)
		require.NoError(t, err)
		require.False(t, d.Publish(), "kicks are disabled, or their index is far behind")

		avail, used := q.Position()
		require.Equal(t, uint16(70000-65536), avail)
		require.Equal(t, avail, used)
		next, err := virtq.New(a.Memory(), d.Layout(), o.Options)
		require.NoError(t, err)
		require.Equal(t, used, next.UsedIndex())
		next.SetPosition(avail, used)
		require.True(t, next.EnableKicks(), "a chain came meanwhile")
		n, err := next.Pop(chains)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		next.Push(chains[0].Head, 0)
		require.True(t, next.Publish(), "the first interrupt is sent in any case")
		require.False(t, next.EnableKicks())

		_, err = d.Reap(done)
		require.NoError(t, err)
		_, err = d.Add(buf)
		require.NoError(t, err)
		require.True(t, d.Publish(), "kicks are enabled again")
		n, err = next.Pop(chains)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		next.Push(chains[0].Head, 0)
		require.False(t, next.Publish(), "the driver wants no interrupt")

		// An index that cannot be: the queue breaks, and no more.
		next.SetPosition(avail+1000, used)
		n, err = next.Pop(chains)
		requireBroken(t, next, virtq.IndexJump, n, err)
	}
}

// TestFull: as many chains as there are descriptors, at the smallest and the
// largest size, until the indexes have gone round 2^16 more than once.
func TestFull(t *testing.T) {
	for _, size := range []uint16{1, 2, virtq.MaxSize} {
		a, err := virtqtest.NewMemory(4 << 20)
		require.NoError(t, err)
		d, q, err := virtqtest.NewPair(a, size, virtqtest.Options{})
		require.NoError(t, err)
		chains, done := make([]virtq.Chain, int(size)+1), make([]virtqtest.Done, int(size)+1)
		for range max(3, 70000/int(size)) {
			for range size {
				if _, err := d.Add(virtqtest.Buffer{Addr: virtqtest.Base, Len: 1}); err != nil {
					t.Fatal(err)
				}
			}
			d.Publish()
			if n, err := q.Pop(chains); err != nil || n != int(size) {
				t.Fatalf("Pop = %d, %v, want %d", n, err, size)
			}
			for _, c := range chains[:size] {
				q.Push(c.Head, 1)
			}
			q.Publish()
			if n, err := d.Reap(done); err != nil || n != int(size) {
				t.Fatalf("Reap = %d, %v, want %d", n, err, size)
			}
		}
		_, index := d.Avail()
		d.SetAvail(0, index+size+1)
		n, err := q.Pop(chains)
		requireBroken(t, q, virtq.IndexJump, n, err)
	}
}
