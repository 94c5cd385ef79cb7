// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// ensure starts the worker if it does not run.
func (w *Worker) ensure(ctx context.Context) error {
	switch {
	case w.closed:
		return errClosed
	case w.alive():
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if err := w.discard(); err != nil {
		return err
	}
	p, err := spawn(w.config)
	if err != nil {
		return err
	}
	w.process = p
	if err := p.greet(w.limits.hello); err != nil {
		return fmt.Errorf("starting %s: %w", w.config.Name, w.lost(err))
	}
	return nil
}

// alive tells whether a worker runs, as far as is known.
func (w *Worker) alive() bool {
	if w.process == nil {
		return false
	}
	select {
	case <-w.process.done:
		return false
	default:
		return true
	}
}

// discard kills what is left of the worker's process.
func (w *Worker) discard() error {
	if w.process == nil {
		return nil
	}
	p := w.process
	w.process = nil
	return p.kill()
}

// call sends a request and waits for its reply. When ctx ends the request is
// cancelled; its error says then why ctx ended. Whatever leaves it unclear what the
// worker does ends the worker.
func (w *Worker) call(ctx context.Context, req request) (r reply, err error) {
	if ctx.Err() != nil {
		return reply{}, context.Cause(ctx)
	}
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
	}()
	if r, err = w.exchange(ctx, req); err != nil {
		return reply{}, err
	}
	if r.Failure != nil {
		return reply{}, &remoteError{*r.Failure}
	}
	return r, nil
}

func (w *Worker) exchange(ctx context.Context, req request) (reply, error) {
	w.last++
	req.ID = w.last
	p := w.process
	if err := p.send(req, w.limits.cancel); err != nil {
		return reply{}, w.lost(err)
	}
	ended, late := ctx.Done(), (<-chan time.Time)(nil)
	for {
		select {
		case r, ok := <-p.replies:
			switch {
			case !ok:
				return reply{}, w.lost(p.broken)
			case r.ID != req.ID:
				return reply{}, w.lost(fmt.Errorf("%w: reply %d to request %d", ErrBadMessage, r.ID, req.ID))
			}
			return r, nil
		case <-ended:
			ended, late = nil, time.After(w.limits.cancel)
			if err := p.send(request{ID: req.ID, Op: opCancel}, w.limits.cancel); err != nil {
				return reply{}, w.lost(err)
			}
		case <-late:
			return reply{}, errors.Join(fmt.Errorf("%w %v after it was cancelled", ErrStuck, w.limits.cancel), w.discard())
		}
	}
}

// send writes a request within the limit.
func (p *process) send(req request, limit time.Duration) error {
	if err := p.conn.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	return send(p.conn, req)
}

// lost ends a worker that cannot be talked to any more, for the reason given, and
// says why that is.
func (w *Worker) lost(reason error) error {
	p := w.process
	w.process = nil
	for _, ended := range []error{io.EOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(reason, ended) {
			// Mostly the process has ended too: that says more.
			if err := p.leave(w.limits.cancel); err != nil {
				return fmt.Errorf("%w: %w", ErrCrashed, err)
			}
			return fmt.Errorf("%w: %s", ErrCrashed, p.how())
		}
	}
	reason = errors.Join(reason, p.kill())
	if words := p.output.lastWords(); words != "" {
		reason = fmt.Errorf("%w: %s", reason, words)
	}
	return reason
}
