// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestCallFullSocket(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	c := &call{fd: -1}
	require.NoError(t, c.Signal(), "without a descriptor")
	c.set(pair[0], true)
	virtiotest.Within(t, "Signal", func() {
		for range 100000 {
			require.NoError(t, c.Signal())
		}
	})
	require.NoError(t, unix.Close(pair[1]))
	require.ErrorIs(t, c.Signal(), unix.EPIPE)
	c.set(-1, false)
	require.NoError(t, c.Signal())
}

func TestCallFullEventfd(t *testing.T) {
	fd := virtiotest.Eventfd(t, 0)
	c := &call{fd: -1}
	dup, err := unix.Dup(fd)
	require.NoError(t, err)
	require.NoError(t, c.take(files{dup}, false))
	_, err = unix.Write(fd, binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1))
	require.NoError(t, err)
	virtiotest.Within(t, "Signal", func() { require.NoError(t, c.Signal()) })
	c.set(-1, false)
}

// TestCallMadeToBlock: a front end that fills its eventfd and makes it blocking
// holds up the queue, which is its own loss, but not its end.
func TestCallMadeToBlock(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(f *Frontend) error
	}{
		{"stop", func(f *Frontend) error { return f.SetVringEnable(0, false) }},
		{"new call", func(f *Frontend) error { return f.SetVringCall(0, -1) }},
		{"disconnect", func(f *Frontend) error { return f.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, g, f := qemu.use(t, nil, 1) // a back end whose end waits for the queue's
			q := g.queues[0]
			q.roundTrip("before")
			drainSignal(q.callEnd)

			require.NoError(t, unix.SetNonblock(q.call, false))
			_, err := unix.Write(q.call, binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1))
			require.NoError(t, err)
			q.EnableInterrupts()
			_, err = q.Add(q.inB, q.ouB)
			require.NoError(t, err)
			q.Kick()
			require.Eventually(t, func() bool {
				_, used := q.Used()
				return used == 2
			}, patience, time.Millisecond)
			virtiotest.Within(t, tc.name, func() { require.NoError(t, tc.do(f)) })
		})
	}
}

// TestCallReplaced changes the descriptor under a queue that signals all the time.
func TestCallReplaced(t *testing.T) {
	_, g, f := qemu.use(t, nil, 1)
	q := g.queues[0]
	before := virtiotest.OpenFiles(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := q.tryRoundTrip("busy"); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 500 {
		require.NoError(t, f.SetVringCall(0, q.call))
	}
	close(stop)
	wg.Wait()
	require.Equal(t, before, virtiotest.OpenFiles(t), "descriptors")
}

// TestInterruptAfterResume: a driver whose interrupt was lost with an earlier back
// end gets one when the ring starts.
func TestInterruptAfterResume(t *testing.T) {
	_, g, f := qemu.use(t, nil, 1)
	q := g.queues[0]
	q.roundTrip("before")
	require.NoError(t, f.SetVringEnable(0, false))
	drainSignal(q.callEnd)
	require.NoError(t, f.SetVringEnable(0, true))
	require.True(t, virtiotest.Readable(q.callEnd, patience))
	n, err := q.Reap(make([]virtqtest.Done, 1))
	require.NoError(t, err)
	require.Zero(t, n)
}
