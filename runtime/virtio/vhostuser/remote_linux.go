// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/loglimit"
)

// Defaults of RemoteOptions.
const (
	defaultTimeout   = 5 * time.Second
	defaultQueueSize = 256
)

// RemoteMemory is a part of a file that is guest memory.
type RemoteMemory struct {
	Addr   uint64 // guest address
	Size   uint64 // bytes
	FD     int    // stays the caller's, and may be closed after NewRemote
	Offset int64  // where it begins in the file, in bytes
}

// RemoteOptions are options of a Remote. The zero value is good.
type RemoteOptions struct {
	// Timeout bounds what the back end takes for one call of a Remote's methods, and
	// for accepting a connection. One that takes longer is disconnected. 0 is for
	// 5 seconds.
	Timeout time.Duration
	// Queues is the number of queues. 0 is for as many as the back end has; one that
	// does not say has 1.
	Queues int
	// QueueSize is the largest size of each queue, which the protocol does not tell.
	// 0 is for 256.
	QueueSize uint16
	// InOrder says that the back end answers each queue's requests in the order in
	// which they came, and that they may be done twice, as those of our disks. If
	// it goes in the midst of some, its successor gets them again. Without it the
	// queue is broken then, since the protocol does not tell which ones they are.
	InOrder bool
	// Log gets what the back end does wrong, and when it goes and comes back. It may
	// be nil.
	Log *slog.Logger
}

// Dial connects to a back end. It returns soon after its context is done.
type Dial = func(context.Context) (*net.UnixConn, error)

// Remote is a device that a back end in another process serves: the back end works
// on guest memory, and is kicked and interrupts, without this process.
//
// A back end that goes, or does not keep to the protocol, is called again until
// Close, and finds its queues as they were: the guest only waits. RemoteOptions says
// what becomes of requests that it had taken from a queue and not answered.
//
// Lock order: Remote.mu, then remoteRing.mu or configCache.mu. Nothing that the
// owner of the Remote supplies is called with Remote.mu held.
type Remote struct {
	id      virtio.DeviceID
	dial    Dial
	options RemoteOptions
	log     *slog.Logger
	sizes   []uint16
	mem     *memory
	table   memTable
	fds     files // of table

	ctx     context.Context // done once Close was called
	cancel  context.CancelFunc
	closing sync.Once
	running sync.WaitGroup // goroutines
	lost    chan struct{}  // the link was dropped
	changed chan struct{}  // the driver is to be told of new configuration
	notify  atomic.Pointer[func()]
	config  configCache
	returns atomic.Uint64 // connections after the first
	broken  atomic.Uint64 // queues

	mu       sync.Mutex // held for exchanges; guards what follows
	link     *link      // nil while there is no back end
	offered  uint64     // by the last back end
	features uint64     // with which the queues run
	rings    []*remoteRing
}

// NewRemote connects to a back end that serves a device of type id, and gives it
// guest memory. The context bounds this first connection only.
func NewRemote(ctx context.Context, dial Dial, id virtio.DeviceID, memory []RemoteMemory, o RemoteOptions) (_ *Remote, err error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.QueueSize == 0 {
		o.QueueSize = defaultQueueSize
	}
	r := &Remote{
		id: id, dial: dial, options: o,
		log:  loglimit.New(o.Log, id),
		lost: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = r.Close()
			err = fmt.Errorf("using a vhost-user back end: %w", err)
		}
	}()
	if n := o.QueueSize; n&(n-1) != 0 || n > virtq.MaxSize {
		return nil, fmt.Errorf("queue size %d is not a power of two up to %d", n, virtq.MaxSize)
	}
	if err := r.share(memory); err != nil {
		return nil, err
	}
	l, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	n := l.queues
	if o.Queues > n {
		l.close()
		return nil, fmt.Errorf("it has %d queues, want %d", n, o.Queues)
	}
	if o.Queues > 0 {
		n = o.Queues
	}
	r.rings = make([]*remoteRing, n)
	for range n {
		r.sizes = append(r.sizes, o.QueueSize)
	}
	r.mu.Lock()
	r.attach(l)
	r.mu.Unlock()
	r.running.Go(r.run)
	return r, nil
}

// share takes the guest's memory, for the back ends to come and to read used
// indexes. User addresses are guest addresses.
func (r *Remote) share(memory []RemoteMemory) error {
	if len(memory) == 0 || len(memory) > maxRegions {
		return fmt.Errorf("guest memory of %d regions, want 1 to %d", len(memory), maxRegions)
	}
	for i, m := range memory {
		if m.Size == 0 || m.Offset < 0 {
			return fmt.Errorf("guest memory: region %d of %d bytes at offset %d", i, m.Size, m.Offset)
		}
		fd, err := unix.FcntlInt(uintptr(m.FD), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("guest memory: region %d: duplicating its descriptor: %w", i, err)
		}
		r.fds = append(r.fds, fd)
		r.table = append(r.table, MemRegion{GuestAddr: m.Addr, Size: m.Size, UserAddr: m.Addr, Offset: uint64(m.Offset)})
	}
	var err error
	if r.mem, err = mapMemory(r.table, r.fds); err != nil {
		return fmt.Errorf("guest memory: %w", err)
	}
	return nil
}

// ID is part of virtio.Device.
func (r *Remote) ID() virtio.DeviceID { return r.id }

// Features is part of virtio.Device. It is what the back end offers just now, without
// the bits 26 and 30, which vhost has a use of its own for.
func (r *Remote) Features() uint64 { return r.offers() & virtio.DeviceFeatures }

// RingFeatures is part of virtio.RingFeatures.
func (r *Remote) RingFeatures() uint64 { return r.offers() & virtio.QueueFeatures }

func (r *Remote) offers() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.offered
}

// QueueSizes is part of virtio.Device.
func (r *Remote) QueueSizes() []uint16 { return r.sizes }

// errDirect: a transport does not know virtio.Direct.
var errDirect = errors.New("the device is served by another process, which takes no queue of this one")

// StartQueue is part of virtio.Device. It fails: queues are started by StartDirect.
func (r *Remote) StartQueue(int, *virtio.Queue, uint64) error { return errDirect }

// Counters is part of virtio.Counters.
func (r *Remote) Counters() map[string]uint64 {
	return map[string]uint64{"reconnections": r.returns.Load(), "broken_queues": r.broken.Load()}
}

// Close ends the use of the back end, from any state and at once.
func (r *Remote) Close() error {
	var err error
	r.closing.Do(func() {
		r.cancel() // which ends an exchange that somebody holds the lock for
		r.mu.Lock()
		if r.link != nil {
			r.drop(r.link)
		}
		rings := r.rings
		r.rings = nil
		r.mu.Unlock()
		for _, ring := range rings {
			ring.close()
		}
		r.running.Wait()
		r.fds.close()
		err = r.mem.unmap()
	})
	return err
}
