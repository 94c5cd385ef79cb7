// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"sync"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/iovec"
)

const (
	// heldChains is how many receive buffers are taken from the guest at once.
	heldChains = 64
	// turnBytes is how much data a connection may send before the next has its turn.
	turnBytes = 64 << 10
	// roundsBytes is how much a goroutine moves to the guest before it returns to
	// its own business. Each chain counts as chainCost at least.
	roundsBytes = 1 << 20
	chainCost   = 512
)

// receiver is the queue to the guest: the guest receives.
type receiver struct {
	dev    *Device
	rounds func() // d.rounds, made once
	done   chan struct{}
	// ready says that the queue runs and that it is not known to lack buffers.
	ready atomic.Bool

	mu     sync.Mutex
	q      *virtio.Queue
	chains [heldChains]virtq.Chain // popped and not used yet: n, from first
	first  int
	n      int
	iov    []guestmem.Segment
	moved  int   // cost of the rounds so far
	err    error // what broke the queue in these rounds
}

func (r *receiver) init(d *Device) {
	r.dev = d
	r.rounds = r.allRounds
	r.iov = make([]guestmem.Segment, 0, iovec.Max)
}

func (r *receiver) running() bool { return r.done != nil }

func (r *receiver) start(q *virtio.Queue) {
	r.mu.Lock()
	r.q, r.first, r.n, r.err = q, 0, 0, nil
	r.mu.Unlock()
	done := make(chan struct{})
	r.done = done
	go func() {
		defer close(done)
		// At first, and after each kick, there may be buffers. Kicks are on only
		// while buffers lack.
		if q.Watch(func() { r.ready.Store(true); r.dev.pump() }) != nil {
			r.ready.Store(false)
			r.dev.resetAll()
		}
	}()
}

// stop takes the queue away and gives the guest back the buffers it holds.
func (r *receiver) stop() {
	r.mu.Lock()
	r.ready.Store(false)
	q := r.q
	q.Unpop(r.n)
	r.q, r.n = nil, 0
	clear(r.chains[:]) // they refer to guest memory
	clear(r.iov[:cap(r.iov)])
	r.mu.Unlock()
	q.Stop()
	<-r.done
	r.done = nil
	r.ready.Store(false)
}

// pump moves the line on, and leaves the rest to the poller if that is much.
func (d *Device) pump() {
	if d.advance() {
		d.mu.Lock()
		p := d.poll
		d.mu.Unlock()
		if p != nil {
			p.wake()
		}
	}
}

// advance moves the line on until nothing waits, the guest has no more buffers, or
// much was moved; it reports true in the last case. If another goroutine is at it,
// that one sees what was put in line before advance was called.
func (d *Device) advance() (more bool) {
	for !more && d.line.waiting.Load() > 0 && d.rx.ready.Load() {
		if !d.rx.mu.TryLock() {
			return false // the holder looks at the line again after it unlocks
		}
		var err error
		if more, err = d.rx.serve(); err != nil {
			d.resetAll()
		}
	}
	return more
}

// serve moves the line on. The caller has locked r.mu; serve unlocks it.
func (r *receiver) serve() (more bool, err error) {
	defer r.mu.Unlock()
	if r.q == nil {
		r.ready.Store(false)
		return false, nil
	}
	r.moved, r.err = 0, nil
	if fault := guestmem.Guard(r.rounds); fault != nil {
		r.err = fault
	}
	if r.err != nil {
		r.ready.Store(false)
		r.q.Fail(r.err)
		return false, r.err
	}
	return r.moved >= roundsBytes, nil
}

// allRounds lets everything in line have its turn, again and again. What was used
// is published after each round, so that a round's data reaches the guest before
// the sockets are asked whether there is more.
func (r *receiver) allRounds() {
	for r.able() && r.dev.line.waiting.Load() > 0 {
		r.sendResets()
		r.sendControl()
		r.sendData()
		r.q.Flush()
	}
}

// able reports whether these rounds are to go on.
func (r *receiver) able() bool {
	return r.ready.Load() && r.err == nil && r.moved < roundsBytes
}

func (r *receiver) sendResets() {
	for r.able() {
		r.dev.mu.Lock()
		reset, ok := r.dev.line.peekReset()
		r.dev.mu.Unlock()
		if !ok {
			return
		}
		ch := r.next(0)
		if ch == nil {
			return
		}
		writeHeader(&header{
			srcCID: HostCID, dstCID: r.dev.cid,
			srcPort: reset.ports.host, dstPort: reset.ports.guest,
			socketType: reset.socketType, op: opReset,
		}, ch.Writable())
		r.push(0)
		r.dev.count.resets.Add(1)
		r.dev.mu.Lock()
		r.dev.line.dropReset()
		r.dev.mu.Unlock()
	}
}

func (r *receiver) sendControl() {
	for r.able() {
		r.dev.mu.Lock()
		c := r.dev.line.nextControl()
		r.dev.mu.Unlock()
		if c == nil {
			return
		}
		if !r.controlTurn(c) {
			r.dev.mu.Lock()
			r.dev.line.addControl(c)
			r.dev.mu.Unlock()
			return
		}
	}
}

// controlTurn sends what c has to say beside data. It reports false if the guest's
// buffers did not suffice.
func (r *receiver) controlTurn(c *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.says != 0 {
		ch := r.next(0)
		if ch == nil {
			return false
		}
		h := c.nextPacket()
		writeHeader(&h, ch.Writable())
		r.push(0)
	}
	return true
}

// sendData gives each connection that has data one turn.
func (r *receiver) sendData() {
	r.dev.mu.Lock()
	turns := r.dev.line.data.len()
	r.dev.mu.Unlock()
	for ; turns > 0 && r.able(); turns-- {
		r.dev.mu.Lock()
		c := r.dev.line.nextData()
		r.dev.mu.Unlock()
		if c == nil {
			return
		}
		if again := r.dataTurn(c); again {
			r.dev.mu.Lock()
			r.dev.line.addData(c)
			r.dev.mu.Unlock()
		}
	}
}

// dataTurn lets the kernel read from c's socket into the guest's buffers: as many
// of them at once as the guest's credit and a fair turn allow. It reports whether c
// wants another turn.
func (r *receiver) dataTurn(c *conn) (again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.says&sayFirst != 0 {
		return true // it is in line for that, too
	}
	limit := c.sendLimit()
	if limit == 0 {
		return false
	}
	room := r.gather(min(limit, turnBytes))
	if room == 0 {
		return true
	}
	n, err := iovec.Recv(c.fd, r.iov)
	if err != nil || n == 0 {
		c.readEnded(err)
		return false
	}
	c.peer.sent += uint32(n)
	c.asked = false
	r.dev.count.rxBytes.Add(uint64(n))
	h := c.header(opData)
	for n > 0 {
		ch := &r.chains[r.first]
		h.length = uint32(min(n, payloadRoom(ch)))
		writeHeader(&h, ch.Writable())
		r.push(int(h.length))
		n -= int(h.length)
	}
	return true
}
