// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
)

// ring returns the ring that a message is about.
func (s *session) ring(index uint32) (*ring, error) {
	if uint64(index) >= uint64(len(s.rings)) {
		return nil, fmt.Errorf("queue %d, the device has %d", index, len(s.rings))
	}
	return s.rings[index], nil
}

// start gives the ring to the device if it is started and enabled.
func (s *session) start(r *ring) error {
	return r.start(s.dev, s.mem, s.features, func(err error) {
		// Once a start, so a guest cannot flood the log with it.
		s.log.Warn("queue is broken and no longer served", "queue", r.index, "error", err)
		_ = r.failed.Signal()
	})
}

// setState handles the requests that carry a number for a ring.
func (s *session) setState(req request, r *ring, n uint32) (answer payload, err error) {
	switch req {
	case setVringNum:
		return nil, r.setSize(n)
	case setVringBase:
		return nil, r.setBase(n)
	case getVringBase:
		// vhost-user, Ring states: it stops the ring.
		r.stop(s.dev)
		r.setKick(-1)
		return vringState{uint32(r.index), uint32(r.base)}, nil
	case setVringEnable:
		if n > 1 {
			return nil, fmt.Errorf("enabling queue %d: %d is neither 0 nor 1", r.index, n)
		}
		r.enabled = n == 1
		if !r.enabled {
			r.stop(s.dev)
			return nil, nil
		}
		if err := s.start(r); err != nil {
			r.enabled = false
			return nil, err
		}
		return nil, nil
	}
	return nil, errUnknownRequest
}

// setSignal takes the descriptor of one of a ring's signals, or that there is none.
func (s *session) setSignal(req request, r *ring, noFile bool, fds files) error {
	if noFile {
		switch req {
		case setVringKick:
			return errors.New("polling for kicks is not supported, an eventfd is needed")
		case setVringCall:
			r.call.set(-1, false)
		case setVringErr:
			r.failed.set(-1, false)
		}
		return nil
	}
	socket, err := classify(fds[0])
	if err != nil {
		return err
	}
	switch req {
	case setVringKick:
		if socket {
			return errors.New("a kick's descriptor must be an eventfd")
		}
		r.stop(s.dev)
		r.setKick(fds.take(0))
		if err := s.start(r); err != nil {
			r.setKick(-1)
			return err
		}
	case setVringCall:
		if err := r.call.take(fds, socket); err != nil {
			return err
		}
		if r.running() {
			// An interrupt may have been raised while there was nobody to tell.
			return r.call.Signal()
		}
	case setVringErr:
		return r.failed.take(fds, socket)
	}
	return nil
}
