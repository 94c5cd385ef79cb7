// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"errors"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// inputSize is how many typed bytes are kept for the guest at most.
const inputSize = 4096

// errNoRoom says that the driver broke virtio 1.2 §5.3.6.1: a receive buffer is
// there to be filled.
var errNoRoom = errors.New("console receive buffer has no room")

// receiver is the queue to the guest and the bytes that wait for it.
type receiver struct {
	count *counters
	done  chan struct{}
	move  func() // r.deliver, made once

	mu     sync.Mutex
	moved  sync.Cond     // there is room in ring, or a writer is to end
	q      *virtio.Queue // nil while no queue is served
	chain  [1]virtq.Chain
	ring   [inputSize]byte
	first  int // of the n bytes in ring
	n      int
	closed bool
	err    error // what broke the queue in deliver
}

func (r *receiver) init(c *counters) {
	r.count = c
	r.moved.L = &r.mu
	r.move = r.deliver
}

func (r *receiver) start(q *virtio.Queue) {
	r.mu.Lock()
	r.q, r.done = q, make(chan struct{})
	r.mu.Unlock()
	go func() {
		defer close(r.done)
		// The transport hears of an error, and reports it.
		_ = q.Watch(r.wake)
	}()
}

func (r *receiver) stop() {
	r.mu.Lock()
	q := r.q
	r.q = nil
	clear(r.chain[:]) // it refers to guest memory
	r.mu.Unlock()
	if r.done == nil {
		return
	}
	if q != nil {
		q.Stop()
	}
	<-r.done
	r.done = nil
}

// wake is called when the guest may have added buffers.
func (r *receiver) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serve()
}

// put stores as much of p as there is room for, gives the guest what it has buffers
// for, and returns how much of p it stored. The caller holds r.mu.
func (r *receiver) put(p []byte) (stored int) {
	for r.n < inputSize && stored < len(p) {
		free := r.ring[(r.first+r.n)%inputSize:]
		n := copy(free[:min(len(free), inputSize-r.n)], p[stored:])
		r.n, stored = r.n+n, stored+n
	}
	r.serve()
	return stored
}

// serve gives the guest what it has buffers for. The caller holds r.mu.
func (r *receiver) serve() {
	if r.q == nil {
		return
	}
	before := r.n
	r.err = nil
	if fault := guestmem.Guard(r.move); fault != nil {
		r.err = fault
	}
	if r.err != nil {
		r.q.Fail(r.err)
		r.q.Stop() // the watcher ends
		r.q = nil
	}
	if r.n < before {
		r.moved.Broadcast()
	}
}

// deliver fills buffers until the input or the buffers are at an end. Each takes a
// byte at least, so that the guest cannot keep it busy. Kicks are wanted only while
// input waits: a buffer that is added meanwhile is found when it is needed.
func (r *receiver) deliver() {
	pushed := false
	for r.n > 0 {
		n, err := r.q.Pop(r.chain[:])
		if err != nil {
			r.err = err
			return
		}
		if n == 0 {
			if r.q.EnableKicks() {
				continue
			}
			break
		}
		took := r.fill(r.chain[0].Writable())
		if took == 0 {
			r.err = errNoRoom
			return
		}
		r.q.Push(r.chain[0].Head, uint32(took))
		r.count.inputBytes.Add(uint64(took))
		pushed = true
	}
	if r.n == 0 {
		r.q.DisableKicks()
	}
	if pushed {
		r.q.Flush()
	}
}

// fill moves input to the segments of a buffer and returns how much that is.
func (r *receiver) fill(segs []guestmem.Segment) (took int) {
	for i := 0; i < len(segs) && r.n > 0; {
		end := min(r.first+r.n, inputSize)
		n := copy(segs[i].Bytes(), r.ring[r.first:end])
		r.first, r.n, took = (r.first+n)%inputSize, r.n-n, took+n
		if _, segs[i] = segs[i].Cut(n); segs[i].Len() == 0 {
			i++
		}
	}
	return took
}

func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.moved.Broadcast()
}
