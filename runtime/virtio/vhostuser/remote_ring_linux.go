// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
)

// remoteRing is a queue that the driver has started, whether or not there is a
// back end to serve it.
type remoteRing struct {
	index   int
	queue   virtio.DirectQueue
	view    *virtq.Queue   // to read the used index
	word    *atomic.Uint32 // holds the available index
	shift   uint64         // where, in bits
	first   uint16         // the used index when the driver started it
	errfd   int            // eventfd by which the back end says that it gave up
	errors  *os.File       // the same
	watched chan struct{}  // closed once nobody waits for errfd any more; nil before
	broken  atomic.Bool    // it is not to be served again
	count   *atomic.Uint64

	// Guarded by Remote.mu.
	on   *link  // whose back end serves it, or did last; nil for none
	left uint16 // the available index when on's back end went

	mu      sync.Mutex // held while Broken, or a signal of the queue, is used
	stopped bool       // they belong to somebody else
}

// newRing checks where a queue is.
func (r *Remote) newRing(i int, q virtio.DirectQueue) (*remoteRing, error) {
	view, err := virtq.New(r.mem.guest, q.Layout, virtq.Options{})
	if err != nil {
		return nil, err
	}
	fd, err := eventfd.New()
	if err != nil {
		return nil, err
	}
	ring := &remoteRing{
		index: i, queue: q, view: view, count: &r.broken,
		errfd: fd, errors: os.NewFile(uintptr(fd), "vhost-user error"),
	}
	err = ring.findIndex(r.mem.guest)
	if err == nil {
		var now ringIndexes
		now, err = ring.indexes()
		ring.first = now.used
	}
	if err != nil {
		ring.close()
		return nil, err
	}
	return ring, nil
}

// errGaveUp: the back end used the error descriptor.
var errGaveUp = errors.New("the back end reports that it no longer serves the queue")

// watch begins to listen for the back end's giving up.
func (ring *remoteRing) watch() {
	ring.watched = make(chan struct{})
	go func() {
		defer close(ring.watched)
		if poll(ring.errors, unix.POLLIN) == nil {
			ring.fail(errGaveUp)
		}
	}()
}

// fail reports, once, that the queue is not served any more.
func (ring *remoteRing) fail(err error) {
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if ring.stopped || ring.broken.Swap(true) {
		return
	}
	ring.count.Add(1)
	if ring.queue.Broken != nil {
		ring.queue.Broken(fmt.Errorf("serving queue %d by vhost-user: %w", ring.index, err))
	}
}

// wake kicks a back end that is new to the queue, and interrupts the driver: the
// back end before it may have missed a kick, or gone between publishing and
// interrupting.
func (ring *remoteRing) wake() {
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if !ring.stopped {
		signalShared(ring.queue.Kick)
		signalShared(ring.queue.Call)
	}
}

// close lets go of the queue's descriptors, and waits for those who use them or
// Broken.
func (ring *remoteRing) close() {
	if ring == nil {
		return
	}
	ring.mu.Lock()
	ring.stopped = true
	ring.mu.Unlock()
	_ = ring.errors.Close()
	if ring.watched != nil {
		<-ring.watched
	}
}

// start has the back end serve a queue from an available index on.
func (l *link) start(ring *remoteRing, base uint16, features uint64) error {
	ring.on = l // which may go at any step
	features |= l.offered & FeatureProtocol
	if !l.featuring || l.accepted != features {
		if err := l.SetFeatures(features); err != nil {
			return err
		}
		l.accepted, l.featuring = features, true
	}
	i, at := ring.index, ring.queue.Layout
	steps := [...]func() error{
		func() error { return l.SetVringCall(i, ring.queue.Call) },
		func() error { return l.SetVringErr(i, ring.errfd) },
		func() error { return l.SetVringNum(i, at.Size) },
		func() error { return l.SetVringBase(i, base) },
		func() error {
			return l.SetVringAddr(i, VringAddr{Desc: at.Desc, Avail: at.Avail, Used: at.Used})
		},
		func() error { return l.SetVringKick(i, ring.queue.Kick) },
		func() error {
			if l.offered&FeatureProtocol == 0 {
				return nil // vhost-user, Ring states: it is enabled
			}
			return l.SetVringEnable(i, true)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// stop has the back end leave a queue alone.
func (l *link) stop(i int) error {
	_, err := l.VringBase(i)
	return err
}
