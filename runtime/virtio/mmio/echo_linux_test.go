// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"errors"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// echo is a device that copies what is readable to what is writable, and that
// panics when its transport does not keep the contract.
type echo struct {
	mu      sync.Mutex
	config  [20]byte
	changed func()
	resets  int
	starts  [2]int
	queues  [2]*echoQueue
	refuse  error // what StartQueue returns
}

// configPerDriver is the byte of echo's configuration space that a reset clears.
const configPerDriver = 16

type echoQueue struct {
	*virtio.Queue
	features uint64
	done     chan struct{}
}

const echoFeature = 1 << 5

func (*echo) ID() virtio.DeviceID  { return virtio.IDConsole }
func (*echo) Features() uint64     { return echoFeature | 1<<30 | 1<<34 } // the last two are not a device's
func (*echo) QueueSizes() []uint16 { return []uint16{64, 16} }
func (*echo) Close() error         { return nil }

func (d *echo) ReadConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(p)
	copy(p, d.config[min(int(off), len(d.config)):])
}

func (d *echo) WriteConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(p) == 0 || int(off)+len(p) > ConfigSize {
		panic("a write beyond the configuration space")
	}
	copy(d.config[min(int(off), len(d.config)):], p)
}

func (d *echo) OnConfigChange(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = f
}

// change changes the configuration space, and tells so with a lock held that
// ReadConfig needs.
func (d *echo) change(off int, v ...byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.config[off:], v)
	if d.changed != nil {
		d.changed()
	}
}

func (d *echo) StartQueue(i int, q *virtio.Queue, features uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queues[i] != nil {
		panic("a queue was started twice")
	}
	d.starts[i]++
	if d.refuse != nil {
		return d.refuse
	}
	e := &echoQueue{q, features, make(chan struct{})}
	d.queues[i] = e
	go func() {
		defer close(e.done)
		_ = q.Run(func(chains []virtq.Chain) {
			for i := range chains {
				q.Push(chains[i].Head, copyChain(&chains[i]))
			}
		})
	}()
	return nil
}

func copyChain(c *virtq.Chain) (written uint32) {
	data := make([]byte, min(c.ReadableLen(), 1<<16))
	guestmem.Gather(data, c.Readable())
	return uint32(guestmem.Scatter(c.Writable(), data))
}

func (d *echo) StopQueue(i int) {
	d.mu.Lock()
	q := d.queues[i]
	d.queues[i] = nil
	d.mu.Unlock()
	if q != nil {
		q.Stop()
		<-q.done
	}
}

func (d *echo) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queues != [2]*echoQueue{} {
		panic("reset with queues that run")
	}
	d.resets++
	d.config[configPerDriver] = 0
}

// running is queue i, or nil.
func (d *echo) running(i int) *echoQueue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues[i]
}

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
