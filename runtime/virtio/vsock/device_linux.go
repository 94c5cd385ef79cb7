// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
)

// The device's queues (virtio 1.2 §5.10.2), and the size of each.
const (
	queueRx    = 0 // to the guest
	queueTx    = 1 // from the guest
	queueEvent = 2

	queueSize      = 256
	eventQueueSize = 256
)

// Limits that hold where Options does not say otherwise.
const (
	// maxConns is the most connections of a device.
	maxConns = 8192
	// windowBudget bounds the sum of all windows, in bytes.
	windowBudget = 64 << 20
	// lingerTime is how long a guest has to acknowledge that the host closed a
	// connection. Linux gives its host as long (VSOCK_CLOSE_TIMEOUT).
	lingerTime = 8 * time.Second
	// spareFiles is how many of the process's descriptors connections leave alone.
	spareFiles = 256
)

// Options are limits of a device; the zero value is fit for most.
type Options struct {
	// MaxConns is the most connections at once, in all states; a guest that wants
	// more is refused. 0 derives it from the limit on open files: each connection
	// needs a descriptor, and two until its host end was passed on.
	MaxConns int
	// WindowBudget bounds the sum of all windows in bytes, and with it the memory that
	// a hostile guest can fill with data that the host does not read: as much in the
	// device, and twice as much in socket buffers. 0 means 64 MiB. Beyond it each
	// connection still gets the smallest window, 8 KiB.
	WindowBudget int64
}

// Device is a virtio socket device. Its methods may be called from any goroutine,
// except that those of virtio.Device follow that contract.
type Device struct {
	cid    uint64
	max    int
	budget int64
	linger time.Duration
	// paceTime is how quickly data must go through a window for the window to grow.
	paceTime time.Duration

	rx    receiver
	tx    transmitter
	count counters

	mu        sync.Mutex
	poll      *poller // there while a queue runs, so that what runs then need not lock
	conns     map[ports]*conn
	byID      map[uint64]*conn // also those that the guest has forgotten
	listeners map[uint32]*Listener
	line      line
	lastID    uint64
	lastPort  uint32
	granted   int64 // sum of all windows in bytes
	closed    bool
}

// New makes a device for a guest that is to have this context identifier: at least
// 3 and less than 2^32-1 (virtio 1.2 §5.10.4).
func New(guestCID uint64, o Options) *Device {
	d := &Device{
		cid:       guestCID,
		max:       o.MaxConns,
		budget:    o.WindowBudget,
		linger:    lingerTime,
		paceTime:  50 * time.Millisecond,
		conns:     make(map[ports]*conn),
		byID:      make(map[uint64]*conn),
		listeners: make(map[uint32]*Listener),
		lastPort:  firstPort,
	}
	if d.max == 0 {
		d.max = connsForFiles()
	}
	if d.budget == 0 {
		d.budget = windowBudget
	}
	d.rx.init(d)
	return d
}

// connsForFiles derives how many connections the limit on open files allows.
func connsForFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return maxConns / 8
	}
	files := int(min(limit.Cur, 1<<30))
	return min(max((files-spareFiles)/2, 16), maxConns)
}

// ID is the device's type.
func (d *Device) ID() virtio.DeviceID { return virtio.IDVsock }

// Features offers stream sockets.
func (d *Device) Features() uint64 { return featureStream }

// QueueSizes holds the sizes of the receive, transmit and event queues.
func (d *Device) QueueSizes() []uint16 { return []uint16{queueSize, queueSize, eventQueueSize} }

// ReadConfig reads the configuration space, which is the guest's context
// identifier (virtio 1.2 §5.10.4).
func (d *Device) ReadConfig(off uint32, p []byte) {
	var config [8]byte
	binary.LittleEndian.PutUint64(config[:], d.cid)
	clear(p)
	if off < uint32(len(config)) {
		copy(p, config[off:])
	}
}

// WriteConfig ignores what is written: nothing of the space is writable.
func (d *Device) WriteConfig(uint32, []byte) {}

// StartQueue serves queue i.
func (d *Device) StartQueue(i int, q *virtio.Queue, _ uint64) error {
	if i < queueRx || i > queueEvent {
		return fmt.Errorf("starting vsock queue %d: the device has %d", i, queueEvent+1)
	}
	if i == queueEvent {
		// The only event there is, a transport reset, concerns a guest that was
		// moved while it ran (virtio 1.2 §5.10.6.7). Buffers stay with the driver.
		return nil
	}
	if !d.rx.running() && !d.tx.running() {
		p, err := startPoller(d)
		if err != nil {
			return fmt.Errorf("starting vsock queue %d: %w", i, err)
		}
		d.mu.Lock()
		d.poll = p
		d.mu.Unlock()
	}
	if i == queueRx {
		d.rx.start(q)
	} else {
		d.tx.start(d, q)
	}
	return nil
}

// StopQueue gives queue i back. A connection cannot do without either of its
// queues: all are reset.
func (d *Device) StopQueue(i int) {
	switch {
	case i == queueRx && d.rx.running():
		d.rx.stop()
	case i == queueTx && d.tx.running():
		d.tx.stop()
	default:
		return
	}
	d.resetAll()
	if d.rx.running() || d.tx.running() {
		return
	}
	d.poll.stop()
	d.mu.Lock()
	d.poll = nil
	d.mu.Unlock()
}

// Reset has nothing to do: stopping the queues has reset all connections.
func (d *Device) Reset() {}

// Close ends all that is left: listeners, and dials that still wait for a guest.
// Nobody can dial or listen any more.
func (d *Device) Close() error {
	d.mu.Lock()
	d.closed = true // first: what add lets in before is among what all returns below
	var open []*Listener
	for _, l := range d.listeners {
		open = append(open, l)
	}
	d.mu.Unlock()
	for _, l := range open {
		_ = l.Close()
	}
	for _, c := range d.all() {
		c.abort(unix.ECONNABORTED)
	}
	return nil
}

// resetAll ends every connection that the guest knows of, without a word to it.
func (d *Device) resetAll() {
	for _, c := range d.all() {
		c.forget()
	}
	d.mu.Lock()
	d.line.clearResets()
	d.mu.Unlock()
}

// all returns the connections of this moment.
func (d *Device) all() []*conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*conn, 0, len(d.byID))
	for _, c := range d.byID {
		all = append(all, c)
	}
	return all
}

var (
	_ virtio.Device   = (*Device)(nil)
	_ virtio.Counters = (*Device)(nil)
)
