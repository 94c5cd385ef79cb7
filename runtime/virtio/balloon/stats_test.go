// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// stat is a statistic as the guest writes it.
func stat(tag uint16, value uint64) []byte {
	b := binary.LittleEndian.AppendUint16(nil, tag)
	return binary.LittleEndian.AppendUint64(b, value)
}

func TestParseStats(t *testing.T) {
	var all []byte
	for tag := range uint16(12) { // two more than are known
		all = append(all, stat(tag, uint64(tag)+100)...)
	}
	want := Stats{100, 101, 102, 103, 104, 105, 106, 107, 108, 109}
	for _, tc := range []struct {
		name string
		in   []byte
		want Stats
	}{
		{"nothing", nil, Stats{}},
		{"all", all, want},
		{"cut", append(stat(4, 7), 5, 0, 1, 1, 1, 1, 1, 1, 1), Stats{Free: 7}},
		{"last counts", append(stat(5, 1), stat(5, 1<<63)...), Stats{Total: 1 << 63}},
		{"unknown", stat(0xffff, 1), Stats{}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, parseStats(tc.in)) })
	}
}

type result struct {
	stats Stats
	err   error
}

// asking asks d in a goroutine.
func asking(ctx context.Context, d *Device) chan result {
	c := make(chan result, 1)
	go func() {
		s, err := d.Stats(ctx)
		c <- result{s, err}
	}()
	synctest.Wait()
	return c
}

// TestStats: two ask before the driver is ready, and a third later.
func TestStats(t *testing.T) {
	for _, o := range []virtq.Options{{}, {EventIdx: true}} {
		synctest.Test(t, func(t *testing.T) {
			g := newGuest(t, reportSize, o)
			d := New(g.mem, nil)
			_, err := d.Stats(t.Context())
			require.ErrorIs(t, err, ErrNoStats)
			require.NoError(t, d.StartQueue(statsQueue, g.ring.Queue, allFeatures))
			b, mem, err := g.arena.Buffer(100, false)
			require.NoError(t, err)
			put := func(free uint64) {
				copy(mem, stat(4, free))
				_, err := g.ring.Add(b)
				require.NoError(t, err)
				g.ring.Kick()
				synctest.Wait()
			}
			returned := func() {
				t.Helper()
				done, err := g.ring.Wait(patience)
				require.NoError(t, err)
				require.Len(t, done, 1)
			}
			first, second := asking(t.Context(), d), asking(t.Context(), d)
			put(1) // not an answer yet
			returned()
			require.Empty(t, first)
			put(2)
			require.Equal(t, result{Stats{Free: 2}, nil}, <-first)
			require.Equal(t, result{Stats{Free: 2}, nil}, <-second)

			third := asking(t.Context(), d)
			returned()
			put(3)
			require.Equal(t, result{Stats{Free: 3}, nil}, <-third)

			// One gives up, and the driver goes before the next has its answer.
			ctx, cancel := context.WithCancel(t.Context())
			fourth := asking(ctx, d)
			cancel()
			require.ErrorIs(t, (<-fourth).err, context.Canceled)
			fifth := asking(t.Context(), d)
			d.StopQueue(statsQueue)
			require.Equal(t, result{Stats{}, ErrNoStats}, <-fifth)
			returned()

			// The queue goes on where it was, and the buffer that it held is there again.
			require.NoError(t, g.ring.Restart())
			require.NoError(t, d.StartQueue(statsQueue, g.ring.Queue, allFeatures))
			put(5)
			d.StopQueue(statsQueue)
			require.Zero(t, g.ring.Queue.InFlight())
			require.NoError(t, g.ring.Restart())
			require.NoError(t, d.StartQueue(statsQueue, g.ring.Queue, allFeatures))
			sixth := asking(t.Context(), d)
			returned()
			put(6)
			require.Equal(t, result{Stats{Free: 6}, nil}, <-sixth)
			d.StopQueue(statsQueue)
		})
	}
}

// TestStatsBroken: a driver that breaks the queue ends those who wait for it.
func TestStatsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, reportSize, virtq.Options{})
		d := New(g.mem, nil)
		require.NoError(t, d.StartQueue(statsQueue, g.ring.Queue, allFeatures))
		asked := asking(t.Context(), d)
		_, err := g.ring.Add(virtqtest.Buffer{Addr: 1 << 40, Len: 1})
		require.NoError(t, err)
		g.ring.Kick()
		require.Equal(t, result{Stats{}, ErrNoStats}, <-asked)
		var e *virtq.Error
		require.ErrorAs(t, <-g.ring.Broken, &e)
		_, err = d.Stats(t.Context())
		require.ErrorIs(t, err, ErrNoStats)
		d.StopQueue(statsQueue)
	})
}
