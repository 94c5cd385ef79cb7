// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// pair makes both sides of a queue and a buffer.
func pair(t testing.TB, size uint16, o virtq.Options) (*virtqtest.Driver, *virtq.Queue, virtqtest.Buffer) {
	a, err := virtqtest.NewMemory(4 << 20)
	require.NoError(t, err)
	buf, _, err := a.Buffer(64, false)
	require.NoError(t, err)
	d, q, err := virtqtest.NewPair(a, size, virtqtest.Options{Options: o})
	require.NoError(t, err)
	return d, q, buf
}

// TestInterruptByFlag: virtio 1.2 §2.7.7.2 without VIRTIO_F_EVENT_IDX.
func TestInterruptByFlag(t *testing.T) {
	_, q, _ := pair(t, 8, virtq.Options{})
	require.False(t, q.Publish(), "nothing was pushed")
	q.Push(0, 0)
	require.True(t, q.Publish())
	require.False(t, q.Publish(), "nothing more was pushed")

	d, q, _ := pair(t, 8, virtq.Options{})
	d.DisableInterrupts()
	q.Push(0, 0)
	require.False(t, q.Publish())
	require.True(t, d.EnableInterrupts(), "there is one already")
	q.Push(0, 0)
	require.True(t, q.Publish())
}

// TestInterruptByIndex: virtio 1.2 §2.7.7.2 with VIRTIO_F_EVENT_IDX: exactly when
// the used index passes the event index.
func TestInterruptByIndex(t *testing.T) {
	d, q, _ := pair(t, 8, virtq.Options{EventIdx: true})
	for _, start := range []uint16{0, 1, 0x7ffe, 0x8000, 0xfff0, 0xffff} {
		for batch := uint16(1); batch <= 8; batch++ {
			for event := start - 12; event != start+12; event++ {
				q.SetPosition(start, start)
				q.Push(0, 0)
				require.True(t, q.Publish(), "the first after SetPosition")
				first := start + 1
				d.SetUsedEvent(event)
				want := false
				for i := range batch {
					q.Push(0, 0)
					want = want || first+i == event
				}
				require.Equal(t, want, q.Publish(), "start %d, batch %d, event %d", start, batch, event)
			}
		}
	}
}

// TestKickByFlag: virtio 1.2 §2.7.10 without VIRTIO_F_EVENT_IDX.
func TestKickByFlag(t *testing.T) {
	d, q, buf := pair(t, 8, virtq.Options{})
	add := func() bool {
		_, err := d.Add(buf)
		require.NoError(t, err)
		return d.Publish()
	}
	require.False(t, d.Publish(), "nothing was added")
	require.True(t, add(), "kicks are wanted at first")
	q.DisableKicks()
	q.DisableKicks()
	require.False(t, add())
	require.True(t, q.EnableKicks(), "there are chains already")
	require.True(t, add())

	// What the device publishes leaves the flag alone.
	q.DisableKicks()
	n, err := q.Pop(make([]virtq.Chain, 8))
	require.NoError(t, err)
	require.Equal(t, 3, n)
	q.Push(0, 0)
	flags, used := d.Used()
	require.Equal(t, virtqtest.UsedNoNotify, flags)
	require.Zero(t, used, "staged, not published")
	q.Publish()
	flags, used = d.Used()
	require.Equal(t, virtqtest.UsedNoNotify, flags)
	require.Equal(t, uint16(1), used)

	// Nor does the flag take along what is staged.
	q.Push(1, 0)
	require.False(t, q.EnableKicks())
	flags, used = d.Used()
	require.Zero(t, flags)
	require.Equal(t, uint16(1), used)
}

// TestKickByIndex: virtio 1.2 §2.7.10 with VIRTIO_F_EVENT_IDX.
func TestKickByIndex(t *testing.T) {
	d, q, buf := pair(t, 8, virtq.Options{EventIdx: true})
	chains := make([]virtq.Chain, 8)
	add := func(n int) bool {
		for range n {
			_, err := d.Add(buf)
			require.NoError(t, err)
		}
		return d.Publish()
	}
	require.True(t, add(1), "kicks are wanted at first")
	require.False(t, add(1), "one is enough")
	q.DisableKicks()
	require.False(t, add(1))
	n, err := q.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.False(t, add(1), "the device is at work")
	require.True(t, q.EnableKicks(), "there is a chain already")
	n, err = q.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.False(t, q.EnableKicks())
	require.Equal(t, uint16(4), d.AvailEvent())
	require.True(t, add(3), "a batch passes the index")
	flags, _ := d.Used()
	require.Zero(t, flags, "virtio 1.2 §2.7.10.2: flags stay 0")
}

// TestEventIndexStaysInItsPlace: it is the last two bytes of the used ring, and
// what follows is the guest's.
func TestEventIndexStaysInItsPlace(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	end := usedOff + 4 + 8*imageQueue + 2
	m[end], m[end+1] = 0xaa, 0xbb
	q, err := virtq.New(mem, imageLayout, virtq.Options{EventIdx: true})
	require.NoError(t, err)
	q.SetPosition(0x1234, 0x1234)
	q.EnableKicks()
	require.Equal(t, []byte{0x34, 0x12, 0xaa, 0xbb}, []byte(m[end-2:end+2]))
}
