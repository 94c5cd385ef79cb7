// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestMemoryTakenAway: the guest's memory goes while one types. Typing goes on as
// with a guest that does not read.
func TestMemoryTakenAway(t *testing.T) {
	a, takeAway := virtiotest.FileMemory(t, 1<<20)
	ring, err := virtiotest.NewRing(a, receiveSize, virtq.Options{})
	require.NoError(t, err)
	d := New(io.Discard, Options{})
	require.NoError(t, d.StartQueue(receiveQueue, ring.Queue, 0))
	defer d.StopQueue(receiveQueue)
	in := d.Input()
	_, err = in.Write([]byte("x")) // after this nobody but Write touches the queue
	require.NoError(t, err)
	require.NoError(t, takeAway())
	_, err = in.Write([]byte("y"))
	require.NoError(t, err)
	var fault *guestmem.FaultError
	require.ErrorAs(t, <-ring.Broken, &fault)
	_, err = in.Write([]byte("z"))
	require.NoError(t, err)
	require.NoError(t, d.Close())
	_, err = in.Write([]byte("z"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}
