// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestRestart: a ring goes on where it was, however it was stopped.
func TestRestart(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(g *guest, f *Frontend)
	}{
		{"GET_VRING_BASE", func(g *guest, f *Frontend) {
			base, err := f.VringBase(0)
			require.NoError(g.t, err)
			require.Equal(g.t, uint16(3), base)
			require.NoError(g.t, f.SetVringNum(0, 256))
			require.NoError(g.t, f.SetVringAddr(0, g.queues[0].addr))
			require.NoError(g.t, f.SetVringBase(0, base))
			require.NoError(g.t, f.SetVringKick(0, g.queues[0].kick))
		}},
		{"disabled", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringEnable(0, false))
			require.NoError(g.t, f.SetVringEnable(0, false))
			require.NoError(g.t, f.SetVringEnable(0, true))
			require.NoError(g.t, f.SetVringEnable(0, true))
		}},
		{"new kick", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringKick(0, g.queues[0].kick))
		}},
		{"same memory", func(g *guest, f *Frontend) { g.setMemTable(f, false) }},
		{"memory elsewhere", func(g *guest, f *Frontend) {
			const away = 1 << 30
			g.enable(f, false)
			g.regions[len(g.regions)-1].UserAddr += away
			g.setMemTable(f, false)
			for i, q := range g.queues {
				require.NoError(g.t, f.SetVringAddr(i, VringAddr{q.addr.Desc + away, q.addr.Used + away, q.addr.Avail + away}))
			}
			g.enable(f, true)
		}},
		{"memory elsewhere, and back", func(g *guest, f *Frontend) {
			// Running rings whose addresses mean nothing any more stay stopped.
			moved := slices.Clone(g.regions)
			moved[len(moved)-1].UserAddr += 1 << 30
			require.ErrorIs(g.t, f.SetMemTable(moved, g.fds), ErrRefused)
			g.setMemTable(f, false)
			g.enable(f, false)
			g.enable(f, true)
		}},
		{"new call", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringCall(0, -1))
			require.NoError(g.t, f.SetVringCall(0, g.queues[0].call))
		}},
		{"the same again", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.SetVringNum(0, 256))
			require.NoError(g.t, f.SetVringAddr(0, g.queues[0].addr))
			require.NoError(g.t, f.SetFeatures(virtio.QueueFeatures|FeatureProtocol|echoFeature))
		}},
		{"RESET_OWNER", func(g *guest, f *Frontend) {
			require.NoError(g.t, f.tell(resetOwner, none{}))
			g.enable(f, true)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, g, f := qemu.use(t, nil, 2)
			q, other := g.queues[0], g.queues[1]
			for range 3 {
				q.roundTrip("before")
			}
			tc.do(g, f)
			for range 3 {
				q.roundTrip("after")
				other.roundTrip("other")
			}
		})
	}
}

// TestStoppedIsStill: a stopped ring's chains stay where they are until it starts.
func TestStoppedIsStill(t *testing.T) {
	_, g, f := qemu.use(t, nil, 1)
	q := g.queues[0]
	q.roundTrip("before")
	require.NoError(t, f.SetVringEnable(0, false))
	drainSignal(q.callEnd) // the round trip may not have waited for it
	copy(q.in, "later")
	_, err := q.Add(q.inB, q.ouB)
	require.NoError(t, err)
	q.Kick()
	require.NoError(t, eventfd.Signal(q.kick))
	require.False(t, virtiotest.Readable(q.callEnd, 20*time.Millisecond), "an interrupt of a ring that is disabled")
	require.NoError(t, f.SetVringEnable(0, true))
	require.Eventually(t, func() bool {
		n, err := q.Reap(make([]virtqtest.Done, 2))
		require.NoError(t, err)
		return n == 1
	}, patience, time.Millisecond)
}

// TestResetDevice: after it, everything is to be set again, and can be.
func TestResetDevice(t *testing.T) {
	dev, g, f := qemu.use(t, nil, 1)
	q := g.queues[0]
	q.roundTrip("before")
	require.NoError(t, f.ResetDevice())
	starts, resets := dev.counts()
	require.Equal(t, [2]int{1, 1}, [2]int{starts, resets})
	require.NoError(t, f.SetVringEnable(0, true), "without a kick nothing starts")
	require.ErrorIs(t, f.SetVringKick(0, q.kick), ErrRefused)

	g2 := newGuest(t, umlRegions())
	q2 := g2.addQueue(64, virtq.Options{EventIdx: true, Indirect: true}, true)
	g2.connectUML(f)
	q2.roundTrip("after")
}
