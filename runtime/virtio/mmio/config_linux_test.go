// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/loglimit"
)

// shows waits until the driver sees a value in the configuration space.
func (b *board) shows(off uint64, want uint32) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return b.get(off) == want }, patience, 100*time.Microsecond)
}

// TestConfigChange: the space, the generation and the interrupt, in that order.
func TestConfigChange(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		l := &linux{board: newBoard(t, dev, w)}
		dev.Change(4, 1) // before anybody drives the device
		l.shows(0x104, 1)
		require.False(t, l.interrupted(10*time.Millisecond))
		l.probe(virtio.IDConsole, ^uint64(0))
		for i := range byte(50) {
			// Whatever a driver has missed before it was ready, it is told then.
			dev.Change(4, i+2)
			for l.get(0x104) != uint32(i+2) {
				require.True(t, l.interrupted(patience))
				l.interrupt()
			}
		}
		require.NotZero(t, l.changed)
		generation := l.get(regConfigGeneration)
		require.Zero(t, generation%2, "a change that is not over")
		dev.Change(4, 100)
		l.shows(0x104, 100)
		require.Eventually(t, func() bool { return l.get(regConfigGeneration) == generation+2 }, patience, time.Millisecond)

		// The driver's own writes show at once.
		generation = l.get(regConfigGeneration)
		l.set(0x108, 0x01020304)
		require.EqualValues(t, 0x01020304, l.get(0x108))
		require.NotEqual(t, generation, l.get(regConfigGeneration))
		generation = l.get(regConfigGeneration)
		l.set(0x108, 0x01020304)
		require.Equal(t, generation, l.get(regConfigGeneration))
		l.reset()
		require.Equal(t, generation, l.get(regConfigGeneration), "the generation never goes back")
		l.set(0x100+configPerDriver, 1)
		l.reset()
		require.Zero(t, l.get(0x100+configPerDriver), "what a reset changes")
	})
}

// TestConfigPending: a change before DRIVER_OK, which the driver may have missed,
// is told at DRIVER_OK.
func TestConfigPending(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		b := newBoard(t, dev, w)
		require.True(t, b.accept(virtio.QueueFeatures))
		dev.Change(0, 7)
		require.Eventually(t, func() bool { return b.get(regInterruptStatus) == interruptConfig }, patience, time.Millisecond)
		require.EqualValues(t, 7, b.get(0x100))
		require.False(t, b.interrupted(0))
		b.set(regStatus, 15)
		require.True(t, b.interrupted(0))
	})
}

// TestClose: the device is left alone afterwards, and may say what it likes.
func TestClose(t *testing.T) {
	dev := &echo{}
	l := &linux{board: newBoard(t, dev, wiring{mirror: true})}
	l.probe(virtio.IDConsole, ^uint64(0))
	l.echoes(0)
	changed := dev.Changed()
	l.Close()
	require.Nil(t, dev.Running(0))
	require.Nil(t, dev.Changed())
	for range 10 {
		changed()
	}
	resets := dev.Resets()
	l.set(regStatus, 0)
	l.set(regQueueSel, 0)
	l.set(regQueueReady, 1)
	l.set(0x100, 1)
	require.Equal(t, resets, dev.Resets())
	require.Zero(t, dev.Config)
	l.Close()
}

// TestDirect: a device of another process gets the descriptors, and its interrupt
// always says that there may be used buffers.
func TestDirect(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &remote{rings: virtio.QueueFeatures &^ virtio.FeatureEventIdx}
		l := &linux{board: newBoard(t, dev, w)}
		require.EqualValues(t, interruptQueue, l.get(regInterruptStatus))
		l.probe(virtio.IDConsole, ^uint64(0))
		require.Zero(t, l.features&virtio.FeatureEventIdx)
		require.NotZero(t, l.features&virtio.FeatureIndirectDesc)
		for i, q := range dev.direct {
			require.Equal(t, l.queues[i].Layout(), q.Layout)
			require.Equal(t, [2]int{l.wire.Kicks[i], l.wire.Interrupt}, [2]int{q.Kick, q.Call})
		}
		l.set(regInterruptACK, 1<<32-1)
		require.EqualValues(t, interruptQueue, l.get(regInterruptStatus))
		l.queues[1].Kick()
		l.set(QueueNotify, 1)
		require.True(t, taken(dev.direct[1].Kick, 0))
		q := dev.direct[1]
		q.Broken(errGone)
		require.True(t, l.interrupted(patience))
		require.EqualValues(t, interruptQueue|interruptConfig, l.get(regInterruptStatus))
		require.EqualValues(t, 15|statusNeedsReset, l.get(regStatus))
		l.reset()
		require.Equal(t, [2]*virtio.DirectQueue{}, [2]*virtio.DirectQueue(dev.direct))
		require.EqualValues(t, interruptQueue, l.get(regInterruptStatus))
	})
}

var errGone = errors.New("the other process is gone")

// TestWarnings: a guest that breaks its queues all the time does not fill the log.
func TestWarnings(t *testing.T) {
	var text bytes.Buffer
	b := newBoard(t, &echo{}, wiring{})
	b.wire.Log = slog.New(slog.NewTextHandler(&text, nil))
	synctest.Test(t, func(t *testing.T) {
		var err error
		b.Transport, err = New(&echo{}, b.wire)
		require.NoError(t, err)
		defer b.Close()
		b.set(regQueueSel, 1)
		b.set(regQueueNum, 17)
		for range 1000 {
			b.set(regQueueReady, 1)
		}
	})
	require.Equal(t, loglimit.Burst, strings.Count(text.String(), "\n"))
	require.Contains(t, text.String(), `msg="queue cannot be used" virtio_id=3 queue=1 error="queue size 17, the device takes 1 to 16"`)
}
