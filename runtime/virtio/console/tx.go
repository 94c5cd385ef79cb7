// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// pieceSize is how much output is written at once at most, in bytes.
const pieceSize = 16 << 10

// output is where the guest's output goes, from the queue and by emergency writes.
type output struct {
	count *counters

	mu sync.Mutex
	w  io.Writer
}

// write writes p, which is not guest memory.
func (o *output) write(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.w.Write(p)
	n = min(max(n, 0), len(p))
	o.count.outputWrites.Add(1)
	o.count.outputBytes.Add(uint64(n))
	if err != nil || n < len(p) {
		o.count.lostBytes.Add(uint64(len(p) - n))
	}
}

// transmitter is the queue from the guest.
type transmitter struct {
	out  *output
	q    *virtio.Queue
	done chan struct{}
	// piece is what the next write holds. The bytes are copied once: a writer may
	// look at them twice while the guest changes them, and may hold a lock when
	// guest memory faults.
	piece []byte
}

func (t *transmitter) start(q *virtio.Queue) {
	t.q, t.done = q, make(chan struct{})
	if t.piece == nil {
		t.piece = make([]byte, 0, pieceSize)
	}
	go func() {
		defer close(t.done)
		// The transport hears of an error, and reports it.
		_ = q.Run(t.handle)
	}()
}

func (t *transmitter) stop() {
	if t.q == nil {
		return
	}
	t.q.Stop()
	<-t.done
	t.q = nil
}

// handle writes a batch of chains, in one piece if it fits. A batch that Stop comes
// across is cut short: chains not begun are left to who serves the queue next.
func (t *transmitter) handle(chains []virtq.Chain) {
	t.piece = t.piece[:0]
	for i := range chains {
		if t.q.Stopped() {
			t.q.Unpop(len(chains) - i)
			break
		}
		t.add(chains[i].Readable())
		t.q.Push(chains[i].Head, 0)
	}
	t.flush()
}

// add adds a chain to the output. It may be many times as large as the guest, so the
// rest of one that takes several pieces is given up when the queue is stopped.
func (t *transmitter) add(segs []guestmem.Segment) {
	for _, s := range segs {
		for b := s.Bytes(); len(b) > 0; {
			n := copy(t.piece[len(t.piece):cap(t.piece)], b)
			t.piece, b = t.piece[:len(t.piece)+n], b[n:]
			if len(t.piece) < cap(t.piece) {
				continue
			}
			if t.flush(); t.q.Stopped() {
				return
			}
		}
	}
}

func (t *transmitter) flush() {
	if len(t.piece) > 0 {
		t.out.write(t.piece)
		t.piece = t.piece[:0]
	}
}
