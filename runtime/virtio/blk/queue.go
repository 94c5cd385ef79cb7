// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"time"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// flushAfter is how long a finished request waits at most while others of its batch
// are served: a driver may be waiting for just that one.
const flushAfter = 100 * time.Microsecond

// queue serves one virtqueue.
type queue struct {
	q        *virtio.Queue
	dev      *Device
	features uint64
	done     chan struct{}
}

func (q *queue) start(d *Device, vq *virtio.Queue, features uint64) {
	*q = queue{q: vq, dev: d, features: features, done: make(chan struct{})}
	go func() {
		defer close(q.done)
		// The transport hears of an error, and reports it.
		_ = vq.Run(q.handle)
	}()
}

func (q *queue) stop() {
	if q.q == nil {
		return
	}
	q.q.Stop()
	<-q.done
	*q = queue{}
}

// handle serves a batch of requests.
func (q *queue) handle(chains []virtq.Chain) {
	last := time.Now()
	for i := range chains {
		if q.q.Stopped() {
			q.q.Unpop(len(chains) - i) // whoever serves the queue next finds them
			return
		}
		head := chains[i].Head
		q.q.Push(head, q.serve(&chains[i]))
		if now := time.Now(); now.Sub(last) >= flushAfter {
			q.q.Flush()
			last = now
		}
	}
}

// serve serves one request and returns how many bytes the driver can rely on.
func (q *queue) serve(ch *virtq.Chain) uint32 {
	c := &q.dev.count
	c.requests.Add(1)
	r, ok := parse(ch)
	if !ok {
		c.failed.Add(1)
		return 0
	}
	st, n := q.do(&r)
	if st != statusOK {
		c.failed.Add(1)
	}
	r.status[0] = byte(st)
	// The used length counts from the beginning of the buffers on (virtio 1.2
	// §2.7.8.2), the status is their end: it counts if nothing before it is left out.
	if uint64(n) == guestmem.Total(r.in) {
		n++
	}
	return n
}
