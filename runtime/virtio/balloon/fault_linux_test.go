// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestMemoryTakenAway: the guest's memory goes while its balloon is used. The queue
// is broken, and nobody waits for it.
func TestMemoryTakenAway(t *testing.T) {
	setUp := func(t *testing.T) (a *virtqtest.Arena, ring *virtiotest.Ring, takeAway func() error) {
		a, takeAway = virtiotest.FileMemory(t, 1<<20)
		ring, err := virtiotest.NewRing(a, pagesSize, virtq.Options{})
		require.NoError(t, err)
		return a, ring, takeAway
	}
	var fault *guestmem.FaultError

	t.Run("statistics", func(t *testing.T) {
		a, ring, takeAway := setUp(t)
		d := New(a.Memory(), nil)
		require.NoError(t, d.StartQueue(statsQueue, ring.Queue, allFeatures))
		defer d.StopQueue(statsQueue)
		require.NoError(t, takeAway())
		_, err := d.Stats(t.Context())
		require.ErrorIs(t, err, ErrNoStats)
		require.ErrorAs(t, <-ring.Broken, &fault)
	})
	t.Run("inflating", func(t *testing.T) {
		a, ring, takeAway := setUp(t)
		b, _, err := a.Buffer(3*pageSize, false)
		require.NoError(t, err)
		// The first pages of the list are discarded when memory goes.
		d := New(a.Memory(), func(uint64, uint64) error { return takeAway() })
		_, err = ring.Add(b)
		require.NoError(t, err)
		ring.Kick()
		require.NoError(t, d.StartQueue(inflateQueue, ring.Queue, allFeatures))
		defer d.StopQueue(inflateQueue)
		require.ErrorAs(t, <-ring.Broken, &fault)
	})
}
