// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestBrokenQueue: a queue whose driver breaks the rules is reported once and left
// alone; the rest of the device goes on, and the queue can be started anew.
func TestBrokenQueue(t *testing.T) {
	log := &logBuffer{}
	_, g, f := uml.use(t, log.logger(), 2)
	bad, good := g.queues[0], g.queues[1]
	errfd := virtiotest.Eventfd(t, unix.EFD_NONBLOCK)
	require.NoError(t, f.SetVringErr(0, errfd))
	bad.roundTrip("before")

	bad.SetDesc(7, virtqtest.Desc{Addr: 1 << 50, Len: 8})
	bad.SetAvailEntry(1, 7)
	bad.SetAvail(0, 2)
	require.NoError(t, eventfd.Signal(bad.kick))
	require.True(t, virtiotest.Readable(errfd, patience), "no error was signalled")
	log.wait(t, "queue is broken")
	for range 100 {
		require.NoError(t, eventfd.Signal(bad.kick))
		good.roundTrip("other queue")
	}
	require.Equal(t, 1, strings.Count(log.String(), "queue is broken"))
	require.Contains(t, log.String(), "queue=0")

	base, err := f.VringBase(0)
	require.NoError(t, err)
	require.Equal(t, uint16(1), base)
	fresh := g.addQueue(128, allOptions, true)
	require.NoError(t, f.SetVringNum(0, 128))
	require.NoError(t, f.SetVringBase(0, 0))
	require.NoError(t, f.SetVringAddr(0, fresh.addr))
	require.NoError(t, f.SetVringCall(0, fresh.call))
	require.NoError(t, f.SetVringKick(0, fresh.kick))
	fresh.roundTrip("started anew")
}

// TestMemoryTakenAway: the front end cuts its memory file while queues run.
func TestMemoryTakenAway(t *testing.T) {
	log := &logBuffer{}
	dev, g, f := uml.use(t, log.logger(), 1)
	q := g.queues[0]
	q.roundTrip("before")
	require.NoError(t, g.file.Truncate(0))
	require.NoError(t, eventfd.Signal(q.kick))
	log.wait(t, "memory was taken away")

	// It may not even be started again, and is told so.
	require.NoError(t, f.SetVringEnable(0, false))
	require.ErrorIs(t, f.SetVringEnable(0, true), ErrRefused)
	_, err := f.Features()
	require.NoError(t, err)
	starts, _ := dev.counts()
	require.Equal(t, 1, starts)
}
