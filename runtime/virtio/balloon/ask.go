// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"context"
	"fmt"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// Stats asks the guest for its memory statistics, and waits for them until ctx is
// done. Those who ask at the same time get the same answer. The error is ErrNoStats
// if there is no driver to ask.
func (d *Device) Stats(ctx context.Context) (Stats, error) {
	r := d.stats.ask()
	select {
	case <-r.done:
		return r.stats, r.err
	case <-ctx.Done():
		return Stats{}, fmt.Errorf("asking the guest for memory statistics: %w", context.Cause(ctx))
	}
}

// asker is the statistics queue. The driver keeps one buffer in it, with statistics;
// to give it back is to ask for new ones (virtio 1.2 §5.5.6.3).
type asker struct {
	mu    sync.Mutex
	q     *virtio.Queue // nil while no queue is served
	chain [1]virtq.Chain
	held  bool   // chain is with the device
	asked bool   // the next buffer is an answer
	round *round // what is waited for, or nil
	raw   [maxStats * statSize]byte
	err   error // what broke the queue in advance
}

// round is one answer and those who wait for it.
type round struct {
	done  chan struct{} // closed when the rest is set
	stats Stats
	err   error
}

func (s *asker) start(q *virtio.Queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.q, s.held, s.asked = q, false, false
}

func (s *asker) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.q == nil {
		return
	}
	if s.held {
		s.q.Unpop(1) // whoever serves the queue next finds it
	}
	s.drop()
}

// drop leaves the queue alone from now on. The caller holds s.mu.
func (s *asker) drop() {
	s.q = nil
	clear(s.chain[:]) // it refers to guest memory
	if s.round != nil {
		s.end(Stats{}, ErrNoStats)
	}
}

// end ends the round. The caller holds s.mu.
func (s *asker) end(stats Stats, err error) {
	s.round.stats, s.round.err = stats, err
	close(s.round.done)
	s.round = nil
}

// ask joins the round that is under way, or begins one.
func (s *asker) ask() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.round
	if r == nil {
		r = &round{done: make(chan struct{})}
		s.round = r
		if s.q == nil {
			s.end(Stats{}, ErrNoStats)
		}
		s.serve()
	}
	return r
}

// wake is called when the guest may have put its buffer in the queue.
func (s *asker) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve()
}

// serve does what there is to do to the queue. The caller holds s.mu.
func (s *asker) serve() {
	if s.q == nil {
		return
	}
	s.err = nil
	if fault := guestmem.Guard(s.advance); fault != nil {
		s.err = fault
	}
	if s.err != nil {
		s.q.Fail(s.err)
		s.drop()
	}
}

// advance takes the driver's buffer, reads it if it was asked for, and gives it back
// if somebody wants to know.
func (s *asker) advance() {
	for {
		if !s.held && !s.pop() {
			return
		}
		if s.asked {
			s.asked = false
			if s.round != nil {
				n := guestmem.Gather(s.raw[:], s.chain[0].Readable())
				s.end(parseStats(s.raw[:n]), nil)
			}
		}
		if s.round == nil {
			return
		}
		s.q.Push(s.chain[0].Head, 0)
		s.held, s.asked = false, true
		s.q.Flush()
	}
}

// pop takes the driver's buffer, if it is there.
func (s *asker) pop() bool {
	for {
		n, err := s.q.Pop(s.chain[:])
		s.err = err
		s.held = n > 0
		if err != nil || s.held || !s.q.EnableKicks() {
			return s.held
		}
	}
}
