// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestMemoryTakenAway: the guest's memory goes while its balloon is used. The queue
// is broken, and nobody waits for it.
func TestMemoryTakenAway(t *testing.T) {
	const size = 1 << 20
	setUp := func(t *testing.T) (fd int, m *guestmem.Memory, ring *virtiotest.Ring, b virtqtest.Buffer) {
		fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
		require.NoError(t, err)
		require.NoError(t, unix.Ftruncate(fd, size))
		mem, err := guestmem.MapFile(fd, 0, size)
		require.NoError(t, err)
		t.Cleanup(func() { _ = guestmem.Unmap(mem); _ = unix.Close(fd) })
		m, err = guestmem.New(guestmem.Region{Mem: mem})
		require.NoError(t, err)
		a, err := virtqtest.NewArena(m, 0, size)
		require.NoError(t, err)
		ring, err = virtiotest.NewRing(a, pagesSize, virtq.Options{})
		require.NoError(t, err)
		b, _, err = a.Buffer(3*pageSize, false)
		require.NoError(t, err)
		return fd, m, ring, b
	}
	var fault *guestmem.FaultError

	t.Run("statistics", func(t *testing.T) {
		fd, m, ring, _ := setUp(t)
		d := New(m, nil)
		require.NoError(t, d.StartQueue(statsQueue, ring.Queue, allFeatures))
		defer d.StopQueue(statsQueue)
		require.NoError(t, unix.Ftruncate(fd, 0))
		_, err := d.Stats(t.Context())
		require.ErrorIs(t, err, ErrNoStats)
		require.ErrorAs(t, <-ring.Broken, &fault)
	})
	t.Run("inflating", func(t *testing.T) {
		fd, m, ring, b := setUp(t)
		// The first pages of the list are discarded when memory goes.
		d := New(m, func(uint64, uint64) error { return unix.Ftruncate(fd, 0) })
		_, err := ring.Add(b)
		require.NoError(t, err)
		ring.Kick()
		require.NoError(t, d.StartQueue(inflateQueue, ring.Queue, allFeatures))
		defer d.StopQueue(inflateQueue)
		require.ErrorAs(t, <-ring.Broken, &fault)
	})
}
