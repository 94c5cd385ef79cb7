// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"time"
)

// A lost back end is called after shortPause, and after twice as long each time, up
// to longPause. One that stayed for longPause is called after shortPause again.
const (
	shortPause = 10 * time.Millisecond
	longPause  = time.Second
)

// attach makes l the link, and has it dropped at its end. r.mu is held.
func (r *Remote) attach(l *link) {
	r.link, r.offered = l, l.offered
	r.running.Go(func() {
		l.wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.link == l {
			r.log.Warn("back end has gone")
			r.drop(l)
		}
	})
}

// drop ends the link l, which run then replaces. r.mu is held.
func (r *Remote) drop(l *link) {
	if r.link != l {
		return
	}
	r.link = nil
	l.close()
	for _, ring := range r.rings {
		if ring != nil && ring.on == l {
			ring.noteLoss()
		}
	}
	select {
	case r.lost <- struct{}{}:
	default:
	}
}

// run calls a lost back end again, and the driver after changes, until Close.
func (r *Remote) run() {
	pause, since := shortPause, time.Now()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.changed:
			r.tellDriver()
		case <-r.lost:
			if time.Since(since) > longPause {
				pause = shortPause
			}
			for r.away() {
				r.comeBack(pause)
				since, pause = time.Now(), min(2*pause, longPause)
			}
		}
	}
}

// away tells whether there is no back end, and one is wanted.
func (r *Remote) away() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link == nil && r.ctx.Err() == nil
}

// comeBack waits, tries once to connect, and gives the back end the queues that run.
func (r *Remote) comeBack(pause time.Duration) {
	select {
	case <-r.ctx.Done():
		return
	case <-time.After(pause):
	}
	l, err := r.connect(r.ctx)
	if err != nil {
		r.log.Warn("back end not reached", "error", err)
		return
	}
	served, refused, err := r.resume(l)
	for ring, err := range refused {
		r.log.Warn("queue is broken and no longer served", "queue", ring.index, "error", err)
		ring.fail(err)
	}
	if err != nil {
		return // which was logged
	}
	for _, ring := range served {
		ring.wake()
	}
	r.returns.Add(1)
	r.log.Info("back end is back")
	r.configChanged()
}

// resume makes l the link and starts the queues. It returns those that run, those
// that the back end cannot serve, and why the link did not last if it did not.
func (r *Remote) resume(l *link) (served []*remoteRing, refused map[*remoteRing]error, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		l.close()
		return nil, nil, r.ctx.Err()
	}
	r.attach(l)
	refused = make(map[*remoteRing]error)
	err = r.operate(0, func(l *link) error {
		for _, ring := range r.rings {
			if ring == nil || ring.broken.Load() {
				continue
			}
			base, err := ring.resumeAt(r.mem.guest, r.options.InOrder)
			if err == nil {
				err = r.serves(l, ring.index)
			}
			if err != nil {
				refused[ring] = err
				continue
			}
			switch err := l.start(ring, base, r.features); {
			case err == nil:
				served = append(served, ring)
			case errors.Is(err, ErrRefused):
				refused[ring] = err
			default:
				return err
			}
		}
		return nil
	})
	return served, refused, err
}

// serves tells whether a back end that is not the first can serve queue i.
func (r *Remote) serves(l *link, i int) error {
	if missing := r.features &^ l.offered; missing != 0 {
		return fmt.Errorf("the back end came back without features %#x", missing)
	}
	if i >= l.queues {
		return fmt.Errorf("the back end came back with %d queues", l.queues)
	}
	return nil
}
