// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"errors"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

const echoFeature = virtiotest.EchoFeature

// configPerDriver is the byte of echo's configuration space that a reset clears.
const configPerDriver = 16

// echo is an Echo with two queues, which offers features that are not a device's.
type echo struct{ virtiotest.Echo }

func (*echo) Features() uint64     { return echoFeature | 1<<30 | 1<<34 }
func (*echo) QueueSizes() []uint16 { return []uint16{64, 16} }

func (d *echo) Reset() {
	d.Echo.Reset()
	d.WriteConfig(configPerDriver, []byte{0})
}

// starts is how often each queue was to be started.
func (d *echo) starts() [2]int { return [2]int{d.Starts(0), d.Starts(1)} }

// remote is a device that another process serves, with nobody there.
type remote struct {
	echo
	direct [2]*virtio.DirectQueue
	rings  uint64
}

func (d *remote) RingFeatures() uint64 { return d.rings }

func (d *remote) StartQueue(int, *virtio.Queue, uint64) error {
	return errors.New("a virtqueue was given to a device of another process")
}

func (d *remote) StartDirect(i int, q virtio.DirectQueue, _ uint64) error {
	d.direct[i] = &q
	return nil
}

func (d *remote) StopQueue(i int) { d.direct[i] = nil }

var (
	_ virtio.Direct       = (*remote)(nil)
	_ virtio.RingFeatures = (*remote)(nil)
)
