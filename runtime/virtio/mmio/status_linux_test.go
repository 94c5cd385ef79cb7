// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// accept writes the features that the driver accepts, and asks whether they are.
func (b *board) accept(features uint64) bool {
	b.set(regStatus, 0)
	b.set(regStatus, statusAcknowledge|statusDriver)
	for half := range uint32(3) { // the third does not exist
		b.set(regDriverFeaturesSel, half)
		b.set(regDriverFeatures, uint32(features>>(32*half)))
	}
	b.set(regStatus, statusAcknowledge|statusDriver|statusFeaturesOK)
	return b.get(regStatus)&statusFeaturesOK != 0
}

func TestFeatures(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		const v1 = virtio.FeatureVersion1
		dev := &echo{}
		b := newBoard(t, dev, w)
		for _, tc := range []struct {
			features uint64
			want     bool
		}{
			{v1, true},
			{v1 | echoFeature | virtio.FeatureEventIdx | virtio.FeatureIndirectDesc, true},
			{0, false},
			{echoFeature, false},
			{v1 | 1, false},
			{v1 | 1<<30, false},
			{v1 | 1<<34, false},
			{v1 | 1<<40, false},
			{^uint64(0), false},
		} {
			require.Equal(t, tc.want, b.accept(tc.features), "%#x", tc.features)
			b.set(regStatus, 15)
			require.Equal(t, tc.want, b.get(regStatus)&statusDriverOK != 0, "DRIVER_OK with %#x", tc.features)
		}
		// Frozen from FEATURES_OK on.
		require.True(t, b.accept(v1|echoFeature))
		b.set(regDriverFeaturesSel, 0)
		b.set(regDriverFeatures, 0)
		require.EqualValues(t, v1|echoFeature, b.features)
	})
}

// TestStatusBits: bits are added one by one, the device's own is not the driver's,
// and only a whole zero resets.
func TestStatusBits(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		b := newBoard(t, dev, w)
		for _, tc := range []struct{ write, want uint32 }{
			{statusDriverOK, 0},
			{statusAcknowledge, 1},
			{statusNeedsReset | 16 | 32, 1},
			{1 << 8, 1},
			{statusDriver, 3},
			{statusFeaturesOK, 3}, // no features accepted
			{0xffffff00, 3},
			{statusFailed, 131},
			{0, 0},
		} {
			b.set(regStatus, tc.write)
			require.Equal(t, tc.want, b.get(regStatus), "after %#x", tc.write)
		}
		require.Equal(t, 1, dev.Resets())
		require.True(t, b.accept(virtio.FeatureVersion1))
		b.set(regStatus, 4)
		require.EqualValues(t, 15, b.get(regStatus))
		b.set(regStatus, 1)
		require.EqualValues(t, 15, b.get(regStatus))
		b.set(regStatus, 0)
		b.set(regStatus, 11)
		require.EqualValues(t, 3, b.get(regStatus), "features accepted before a reset")
	})
}

// echoes wants the queue to serve.
func (l *linux) echoes(i int) {
	l.t.Helper()
	in, mem, err := l.arena.Buffer(8, false)
	require.NoError(l.t, err)
	copy(mem, "question")
	out, got, err := l.arena.Buffer(8, true)
	require.NoError(l.t, err)
	n, err := l.do(i, in, out)
	require.NoError(l.t, err)
	require.EqualValues(l.t, 8, n)
	require.Equal(l.t, "question", string(got))
}

// TestFrozen: neither a ready queue's size and addresses nor those of one that was
// started can be changed, and it is started once.
func TestFrozen(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		l := &linux{board: newBoard(t, dev, w)}
		l.probe(virtio.IDConsole, ^uint64(0))
		l.echoes(1)
		ruin := func(i uint32) {
			before := l.Transport.queues[i]
			l.set(regQueueSel, i)
			l.place(virtq.Layout{Size: 2, Desc: 1 << 60, Avail: 3, Used: 5})
			require.Equal(t, before, l.Transport.queues[i])
		}
		for range 3 {
			ruin(1)
			l.set(regQueueReady, 1)
			l.set(regStatus, 15)
			l.echoes(1)
		}
		require.Equal(t, [2]int{1, 1}, dev.starts())

		l.set(regQueueReady, 0)
		require.Zero(t, l.get(regQueueReady))
		require.Nil(t, dev.Running(1))
		require.NotNil(t, dev.Running(0))
		ruin(1)
		l.set(regQueueReady, 1)
		require.Zero(t, l.get(regQueueReady), "started again without a reset")
		l.echoes(0)
		require.Equal(t, [2]int{1, 1}, dev.starts())

		l.probe(virtio.IDConsole, ^uint64(0))
		l.echoes(0)
		l.echoes(1)
		require.Equal(t, [2]int{2, 2}, dev.starts())
	})
}

// TestReady: a queue may be laid out anew until the device is in use, and be
// declared ready afterwards.
func TestReady(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		l := &linux{board: newBoard(t, dev, w)}
		require.True(t, l.accept(virtio.QueueFeatures))
		l.features = virtio.QueueFeatures
		for i, size := range []uint16{32, 16} {
			l.queues = append(l.queues, l.newQueue(uint32(i), size))
		}
		l.place(virtq.Layout{Size: 64, Desc: virtqtest.Base, Avail: virtqtest.Base, Used: virtqtest.Base})
		l.set(regQueueReady, 2)
		require.Zero(t, l.get(regQueueReady))
		l.set(regQueueReady, 1)
		require.EqualValues(t, 1, l.get(regQueueReady))
		l.set(regQueueReady, 0)
		l.place(l.queues[0].Layout())
		l.set(regQueueReady, 1)
		l.set(regStatus, 15)
		l.echoes(0)
		require.Nil(t, dev.Running(1))
		l.set(regQueueSel, 1)
		l.place(l.queues[1].Layout())
		l.set(regQueueReady, 1)
		l.echoes(1)
		l.echoes(0)
		require.EqualValues(t, virtio.QueueFeatures, dev.Running(1).Features)
	})
}

// TestBadLayout: a queue that cannot work does not become ready, and the driver is
// told once it listens.
func TestBadLayout(t *testing.T) {
	good := virtq.Layout{Size: 16, Desc: virtqtest.Base, Avail: virtqtest.Base + 4096, Used: virtqtest.Base + 8192}
	for _, tc := range []struct {
		name string
		ruin func(*virtq.Layout)
	}{
		{"no size", func(l *virtq.Layout) { l.Size = 0 }},
		{"not a power of two", func(l *virtq.Layout) { l.Size = 12 }},
		{"too large", func(l *virtq.Layout) { l.Size = 128 }},
		{"descriptors outside memory", func(l *virtq.Layout) { l.Desc = 1 << 40 }},
		{"descriptors wrap", func(l *virtq.Layout) { l.Desc = 1<<64 - 16 }},
		{"odd available ring", func(l *virtq.Layout) { l.Avail++ }},
		{"used ring beyond the end", func(l *virtq.Layout) { l.Used = virtqtest.Base + 4<<20 - 8 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dev := &echo{}
			b := newBoard(t, dev, wiring{})
			l := &linux{board: b}
			layout := good
			tc.ruin(&layout)
			require.True(t, b.accept(virtio.FeatureVersion1))
			l.place(layout)
			b.set(regQueueReady, 1)
			require.Zero(t, b.get(regQueueReady))
			require.EqualValues(t, 11|statusNeedsReset, b.get(regStatus))
			require.False(t, b.interrupted(0), "before DRIVER_OK")
			l.place(good)
			b.set(regQueueReady, 1)
			b.set(regStatus, 15)
			require.True(t, b.interrupted(patience))
			require.EqualValues(t, interruptConfig, b.get(regInterruptStatus))
			require.Nil(t, dev.Running(0), "started before a reset")

			l.probe(virtio.IDConsole, ^uint64(0))
			l.echoes(0)
		})
	}
	t.Run("size beyond 16 bits", func(t *testing.T) {
		b := newBoard(t, &echo{}, wiring{})
		(&linux{board: b}).place(good)
		b.set(regQueueNum, 1<<16|16)
		b.set(regQueueReady, 1)
		require.Zero(t, b.get(regQueueReady))
	})
}

// TestStartRefused: the device does not take a queue.
func TestStartRefused(t *testing.T) {
	dev := &echo{virtiotest.Echo{Refuse: errors.New("not today")}}
	l := &linux{board: newBoard(t, dev, wiring{})}
	l.probe(virtio.IDConsole, ^uint64(0))
	require.EqualValues(t, 15|statusNeedsReset, l.get(regStatus))
	require.True(t, l.interrupted(patience))
	require.Equal(t, [2]int{1, 0}, dev.starts(), "queues after the one that was refused")
	dev.Refuse = nil
	l.probe(virtio.IDConsole, ^uint64(0))
	require.EqualValues(t, 15, l.get(regStatus))
	l.echoes(0)
}

// TestBroken: a queue whose driver breaks the rules is reported, the rest of the
// device goes on, and a reset mends it.
func TestBroken(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		l := &linux{board: newBoard(t, &echo{}, w)}
		l.probe(virtio.IDConsole, ^uint64(0))
		l.echoes(0)
		l.queues[0].SetAvailEntry(1, 9999)
		l.queues[0].SetAvail(0, 2)
		l.set(QueueNotify, 0)
		require.Eventually(t, func() bool { return l.get(regStatus)&statusNeedsReset != 0 }, patience, time.Millisecond)
		require.Eventually(t, func() bool {
			l.interrupted(patience)
			l.interrupt()
			return l.changed == 1
		}, patience, time.Microsecond)
		l.echoes(1)
		l.set(regStatus, 15)
		require.EqualValues(t, 15|statusNeedsReset, l.get(regStatus))
		l.probe(virtio.IDConsole, ^uint64(0))
		require.EqualValues(t, 15, l.get(regStatus))
		l.echoes(0)
	})
}

// TestLateBroken: what is said about a queue after it was given back is not heard,
// and saying it while the queue is stopped does not hang.
func TestLateBroken(t *testing.T) {
	dev := &echo{}
	l := &linux{board: newBoard(t, dev, wiring{})}
	l.probe(virtio.IDConsole, ^uint64(0))
	q := dev.Running(0)
	l.mu.Lock()
	virtiotest.Within(t, "Broken", func() { q.Broken(errors.New("while mu is held")) })
	l.mu.Unlock()
	require.EqualValues(t, 15|statusNeedsReset, l.get(regStatus))
	l.reset()
	q.Broken(errors.New("late"))
	require.Zero(t, l.get(regStatus))
	require.Zero(t, l.get(regInterruptStatus))
}

// TestDescriptors: nothing stays open of a driver's time.
func TestDescriptors(t *testing.T) {
	l := &linux{board: newBoard(t, &echo{}, wiring{})}
	before := virtiotest.OpenFiles(t)
	for range 10 {
		l.probe(virtio.IDConsole, ^uint64(0))
		l.echoes(0)
	}
	l.set(regQueueSel, 1)
	l.set(regQueueReady, 0)
	l.Close()
	require.Equal(t, before, virtiotest.OpenFiles(t))
}
