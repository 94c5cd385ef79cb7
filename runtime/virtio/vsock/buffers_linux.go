// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio/iovec"
)

// The guest's receive buffers, taken many at a time and used in order.

// gather makes r.iov the room for data in the next chains, limit bytes of it at
// most, and returns how much that is. 0 means that the guest has no buffer.
func (r *receiver) gather(limit int) (room int) {
	r.iov = r.iov[:0]
	if r.next(1) == nil {
		return 0
	}
	for i := 0; room < limit && len(r.iov) < iovec.Max && (i < r.n || r.pop(i)); i++ {
		ch := &r.chains[r.first+i]
		if payloadRoom(ch) <= 0 || len(ch.Readable()) > 0 {
			break // not fit; next drops it when it comes first
		}
		var n int
		r.iov, n = appendPayload(r.iov, ch.Writable(), limit-room)
		room += n
	}
	return room
}

// payloadRoom is what a chain holds beside a header, in bytes; it may be negative.
func payloadRoom(ch *virtq.Chain) int { return int(ch.WritableLen()) - headerSize }

// next returns the next chain with room for a header and payload bytes, or nil if
// the guest has made none available. Chains that are of no use go back unused.
func (r *receiver) next(payload int) *virtq.Chain {
	for r.n > 0 || r.pop(0) {
		ch := &r.chains[r.first]
		if payloadRoom(ch) >= payload && len(ch.Readable()) == 0 {
			return ch
		}
		r.use(0)
		r.dev.count.dropped.Add(1)
		if r.moved >= roundsBytes {
			return nil
		}
	}
	return nil
}

// pop takes chains from the guest so that r.chains[r.first+i] is there, for i <= n,
// and reports whether it is. If the guest has none, kicks are turned on and the
// receiver is not ready until the next.
func (r *receiver) pop(i int) bool {
	if r.err != nil || i >= heldChains {
		return false
	}
	if r.first > 0 && r.first+r.n == heldChains {
		r.shift()
	}
	for {
		n, err := r.q.Pop(r.chains[r.first+r.n:])
		if err != nil {
			r.err = err
			return false
		}
		if n > 0 {
			r.n += n
			r.ready.Store(true)
			r.q.DisableKicks()
			return i < r.n
		}
		if i > 0 {
			return false // there is something to go on with
		}
		// Before kicks are on: the watcher must not be overtaken by this store.
		r.ready.Store(false)
		if !r.q.EnableKicks() {
			return false
		}
	}
}

// shift moves the held chains to the beginning. They are swapped, since each has
// storage of its own.
func (r *receiver) shift() {
	for i := range r.n {
		r.chains[i], r.chains[r.first+i] = r.chains[r.first+i], r.chains[i]
	}
	r.first = 0
}

// push gives the first chain to the guest with a header and n bytes of payload.
func (r *receiver) push(n int) {
	r.use(headerSize + n)
	r.dev.count.rxPackets.Add(1)
}

func (r *receiver) use(written int) {
	r.q.Push(r.chains[r.first].Head, uint32(written))
	r.moved += max(written, chainCost)
	r.first++
	if r.n--; r.n == 0 {
		r.first = 0
	}
}
