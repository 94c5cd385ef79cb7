// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

func TestInflate(t *testing.T) {
	const p = pageSize
	high := uint32(highAddr / p)
	for _, tc := range []struct {
		name    string
		pfns    []uint32
		want    []extent
		invalid int
	}{
		{"one", []uint32{3}, []extent{{3 * p, p}}, 0},
		{"run", []uint32{2, 3, 4}, []extent{{2 * p, 3 * p}}, 0},
		{"any order", []uint32{4, 2, 3, 6}, []extent{{2 * p, 3 * p}, {6 * p, p}}, 0},
		{"twice", []uint32{5, 5, 5}, []extent{{5 * p, p}}, 0},
		{"two regions", []uint32{6, 7, 8, 9}, []extent{{6 * p, 2 * p}, {8 * p, 2 * p}}, 0},
		{"beyond", []uint32{10, 11, 12, 13}, []extent{{10 * p, 2 * p}}, 2},
		{"from a hole", []uint32{high - 1, high}, []extent{{highAddr, p}}, 1},
		{"last page there can be", []uint32{1<<32 - 1, 1<<32 - 2, 0}, []extent{{0, p}}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, h := newGuest(t, pagesSize, virtq.Options{EventIdx: true}), &host{}
			d := New(g.mem, h.discard)
			require.NoError(t, d.StartQueue(inflateQueue, g.ring.Queue, 0))
			defer d.StopQueue(inflateQueue)
			g.chain(g.numbers(tc.pfns...))
			require.Equal(t, tc.want, h.got)
			c := d.Counters()
			require.EqualValues(t, len(tc.pfns), c["inflated_pages"])
			require.EqualValues(t, tc.invalid, c["invalid"])
			require.EqualValues(t, len(tc.want), c["discards"])
			var bytes uint64
			for _, e := range tc.want {
				bytes += e.n
			}
			require.Equal(t, bytes, c["discarded_bytes"])
		})
	}
}

// TestInflateFraming: numbers may lie across buffers, and a chain be as long as it
// likes. What is not a whole number at the end is left out.
func TestInflateFraming(t *testing.T) {
	g, h := newGuest(t, pagesSize, virtq.Options{}), &host{}
	d := New(g.mem, h.discard)
	require.NoError(t, d.StartQueue(inflateQueue, g.ring.Queue, 0))
	defer d.StopQueue(inflateQueue)
	b := g.numbers(0, 1, 2, 3)
	cut := func(from, n int) virtqtest.Buffer {
		return virtqtest.Buffer{Addr: b.Addr + uint64(from), Len: uint32(n)}
	}
	g.chain(cut(0, 1), cut(1, 5), cut(6, 7), cut(13, 2))
	require.Equal(t, []extent{{0, 3 * pageSize}}, h.got)

	h.got = nil
	many := make([]uint32, 2*listed+100)
	for i := range many {
		many[i] = uint32(i % lowPages)
	}
	g.chain(g.numbers(many...))
	whole := extent{0, lowPages * pageSize}
	require.Equal(t, []extent{whole, whole, whole}, h.got)
}

// TestRefused: a host that does not take pages does not break anything.
func TestRefused(t *testing.T) {
	g, h := newGuest(t, pagesSize, virtq.Options{}), &host{err: errors.New("no")}
	d := New(g.mem, h.discard)
	require.NoError(t, d.StartQueue(inflateQueue, g.ring.Queue, 0))
	defer d.StopQueue(inflateQueue)
	g.chain(g.numbers(1, 3))
	require.EqualValues(t, 2, d.Counters()["refused"])
	require.Zero(t, d.Counters()["discarded_bytes"])
	require.Empty(t, g.ring.Broken)
}

func TestDeflate(t *testing.T) {
	g, h := newGuest(t, pagesSize, virtq.Options{}), &host{}
	d := New(g.mem, h.discard)
	require.NoError(t, d.StartQueue(deflateQueue, g.ring.Queue, 0))
	defer d.StopQueue(deflateQueue)
	g.chain(g.numbers(1, 2, 1<<31))
	require.Empty(t, h.got)
	require.EqualValues(t, 3, d.Counters()["deflated_pages"])
}

// TestStopInflating: a long array does not hold up StopQueue, and is done again by
// who comes next.
func TestStopInflating(t *testing.T) {
	g := newGuest(t, pagesSize, virtq.Options{})
	entered, open := make(chan struct{}, 100), make(chan struct{})
	d := New(g.mem, func(uint64, uint64) error { entered <- struct{}{}; <-open; return nil })
	_, err := g.ring.Add(g.numbers(make([]uint32, 4*listed)...))
	require.NoError(t, err)
	g.ring.Kick()
	require.NoError(t, d.StartQueue(inflateQueue, g.ring.Queue, 0))
	<-entered
	stopped := make(chan struct{})
	go func() { d.StopQueue(inflateQueue); close(stopped) }()
	for !g.ring.Queue.Stopped() {
	}
	close(open)
	<-stopped
	d.StopQueue(inflateQueue) // does nothing
	require.EqualValues(t, listed, d.Counters()["inflated_pages"])
	require.Zero(t, g.ring.Queue.InFlight())
	require.NoError(t, g.ring.Restart())
	require.NoError(t, d.StartQueue(inflateQueue, g.ring.Queue, 0))
	defer d.StopQueue(inflateQueue)
	done, err := g.ring.Wait(patience)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.EqualValues(t, 5*listed, d.Counters()["inflated_pages"])
}
