// SPDX-License-Identifier: MIT OR Apache-2.0

package virtiotest

import (
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// EchoFeature is the feature bit of Echo's own.
const EchoFeature = 1 << 5

const (
	// configSpace is how much of a configuration space a transport shows, in bytes.
	configSpace = 256
	// echoMost is how many bytes of a chain Echo copies at most.
	echoMost = 64 << 10
)

// Echo is a device that copies what is readable to what is writable, for tests of
// transports. It panics when its transport does not keep the contract. Whoever
// embeds it says what queues there are.
type Echo struct {
	// Config is the configuration space, for who has the device for himself.
	Config [20]byte
	// Refuse is what StartQueue returns. It is not to change while that may be called.
	Refuse error

	mu      sync.Mutex
	changed func()
	queues  map[int]*EchoQueue
	starts  map[int]int
	resets  int
}

// EchoQueue is a queue that an Echo serves.
type EchoQueue struct {
	*virtio.Queue
	Features uint64 // that it was started with

	done chan struct{}
}

// ID is the device's type, which is some type.
func (*Echo) ID() virtio.DeviceID { return virtio.IDConsole }

// Features is the device's one feature.
func (*Echo) Features() uint64 { return EchoFeature }

// Close has nothing to free.
func (*Echo) Close() error { return nil }

// ReadConfig reads the configuration space.
func (d *Echo) ReadConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(p)
	copy(p, d.Config[min(int(off), len(d.Config)):])
}

// WriteConfig writes the configuration space, and tells nobody.
func (d *Echo) WriteConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(p) == 0 || int(off)+len(p) > configSpace {
		panic("a write beyond the configuration space")
	}
	copy(d.Config[min(int(off), len(d.Config)):], p)
}

// OnConfigChange sets what Change calls.
func (d *Echo) OnConfigChange(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = f
}

// Changed is what OnConfigChange was given last.
func (d *Echo) Changed() func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Change changes the configuration space, and tells so with a lock held that
// ReadConfig needs.
func (d *Echo) Change(off int, v ...byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.Config[off:], v)
	if d.changed != nil {
		d.changed()
	}
}

// StartQueue serves queue i, or returns Refuse.
func (d *Echo) StartQueue(i int, q *virtio.Queue, features uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queues[i] != nil {
		panic("a queue was started twice")
	}
	if d.queues == nil {
		d.queues, d.starts = make(map[int]*EchoQueue), make(map[int]int)
	}
	d.starts[i]++
	if d.Refuse != nil {
		return d.Refuse
	}
	e := &EchoQueue{q, features, make(chan struct{})}
	d.queues[i] = e
	go func() {
		defer close(e.done)
		_ = q.Run(func(chains []virtq.Chain) {
			for i := range chains {
				q.Push(chains[i].Head, echo(&chains[i]))
			}
		})
	}()
	return nil
}

// echo copies what is readable to what is writable, and returns how much it wrote.
func echo(c *virtq.Chain) (written uint32) {
	data := make([]byte, min(c.ReadableLen(), echoMost))
	guestmem.Gather(data, c.Readable())
	return uint32(guestmem.Scatter(c.Writable(), data))
}

// StopQueue gives queue i back.
func (d *Echo) StopQueue(i int) {
	d.mu.Lock()
	q := d.queues[i]
	delete(d.queues, i)
	d.mu.Unlock()
	if q != nil {
		q.Stop()
		<-q.done
	}
}

// Reset counts.
func (d *Echo) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queues) > 0 {
		panic("reset with queues that run")
	}
	d.resets++
}

// Running is queue i, or nil.
func (d *Echo) Running(i int) *EchoQueue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queues[i]
}

// Idle tells whether no queue runs.
func (d *Echo) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queues) == 0
}

// Starts is how often queue i was to be started.
func (d *Echo) Starts(i int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starts[i]
}

// Resets is how often the device was reset.
func (d *Echo) Resets() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.resets
}
