// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/loglimit"
)

// Wiring is what a device's transport is connected to. All of it stays the
// caller's, and must be good until the Transport is closed.
type Wiring struct {
	// Memory is guest memory, where the driver puts its queues.
	Memory *guestmem.Memory
	// Kicks are eventfds, one a queue, which never block. The hypervisor signals one
	// when its queue's number is written to QueueNotify. Where it does not, and the
	// write reaches the Transport, that does.
	Kicks []int
	// Interrupt is an eventfd, which never blocks, that raises the device's
	// interrupt: an edge each time it is signalled.
	Interrupt int
	// Mirror is nil, or 4096 bytes of memory that the guest sees at MirrorOffset of
	// the window and cannot write: its writes there must go to Write as any others.
	// It is cleared at first.
	Mirror []byte
	// Log gets a warning, a few of them a second at most, when a queue cannot be
	// served. It may be nil.
	Log *slog.Logger
}

// Transport is the register file of one device.
type Transport struct {
	dev     virtio.Device
	direct  virtio.Direct // dev, if another process serves it, or nil
	wire    Wiring
	id      virtio.DeviceID
	offered uint64
	sticky  uint32       // bits of the interrupt status that are always set
	log     *slog.Logger // limited

	page       *page
	status     *atomic.Uint32 // words of page
	interrupt  *atomic.Uint32
	generation *atomic.Uint32

	changes chan struct{} // has an element while the configuration space is to be read anew
	done    chan struct{} // closed by Close
	watcher sync.WaitGroup

	mu          sync.Mutex // guards what follows, and the device's methods
	closed      bool
	featuresSel uint32 // which half DeviceFeatures shows
	driverSel   uint32 // which half DriverFeatures sets
	features    uint64 // what the driver accepts
	queueSel    uint32
	queues      []queue
	config      [ConfigSize]byte // to read the configuration space into

	ending sync.Mutex // guards run.over
}

// New makes the register file of dev, which stays the caller's: close it after the
// Transport. The device is to be in its first state.
func New(dev virtio.Device, w Wiring) (*Transport, error) {
	sizes := dev.QueueSizes()
	if len(w.Kicks) != len(sizes) {
		return nil, fmt.Errorf("carrying a virtio device: %d kick descriptors for %d queues", len(w.Kicks), len(sizes))
	}
	if w.Memory == nil {
		return nil, errors.New("carrying a virtio device: no guest memory")
	}
	offered := offers(dev)
	if offered&virtio.FeatureVersion1 == 0 {
		return nil, errors.New("carrying a virtio device: it does not offer VIRTIO_F_VERSION_1, without which there is no version 2 of the registers")
	}
	mem := w.Mirror
	if mem == nil {
		mem = make([]byte, pageSize)
	}
	p, err := newPage(mem)
	if err != nil {
		return nil, fmt.Errorf("carrying a virtio device: %w", err)
	}
	t := &Transport{
		dev: dev, wire: w, id: dev.ID(), offered: offered, page: p,
		log:        loglimit.New(w.Log, dev.ID()),
		status:     p.word(regStatus),
		interrupt:  p.word(regInterruptStatus),
		generation: p.word(regConfigGeneration),
		changes:    make(chan struct{}, 1),
		done:       make(chan struct{}),
		queues:     make([]queue, len(sizes)),
	}
	for i := range t.queues {
		t.queues[i].max = sizes[i]
	}
	if t.direct, _ = dev.(virtio.Direct); t.direct != nil {
		// The other process raises the interrupt and tells nobody here.
		t.sticky = interruptQueue
	}
	t.interrupt.Store(t.sticky)
	for _, off := range []uint64{regSHMLenLow, regSHMLenHigh, regSHMBaseLow, regSHMBaseHigh} {
		p.word(off).Store(noSHM)
	}
	t.watchConfig()
	return t, nil
}

// offers is the feature set of the device and its queues.
func offers(dev virtio.Device) uint64 {
	rings := virtio.QueueFeatures
	if d, ok := dev.(virtio.RingFeatures); ok {
		rings &= d.RingFeatures()
	}
	return dev.Features()&virtio.DeviceFeatures | rings
}

// Close stops all queues. No vCPU may run any more. The device is left as it is
// otherwise. Close may be called again.
func (t *Transport) Close() {
	t.mu.Lock()
	defer t.watcher.Wait()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	for i := range t.queues {
		t.stop(i)
	}
	if d, ok := t.dev.(virtio.ConfigChanger); ok {
		d.OnConfigChange(nil)
	}
	close(t.done)
}
