// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// Catalog is what a worker can do: scenarios on its one target.
type Catalog struct {
	Scenarios []scenario.Scenario
	Target    target.Target
	Meters    []Meter
}

// Meter counts something around each sample: system calls, allocations. Its values
// are added to the scenario's.
type Meter interface {
	// Units are all that its values may have.
	Units() []record.Unit
	// Start begins to count.
	Start() error
	// Stop ends it and returns what was counted since. It is called once after each Start.
	Stop() ([]record.Value, error)
}

// The environment variable by which a process that the lab starts knows what it is,
// and the descriptors that it then has.
const (
	envRole   = "ARCBOX_LAB_ROLE"
	roleGuard = "guard"  // see Guard
	roleServe = "worker" // has connFD

	connFD     = 3 // the connection to the lab
	lifelineFD = 4 // the guard's alone: ends when the lab does
)

// Conn returns the connection to the lab that started this process. It is called
// once; programs that this process starts do not inherit the connection.
func Conn() (net.Conn, error) {
	if os.Getenv(envRole) != roleServe {
		return nil, errors.New("no lab started this process: workers are for 'arcbox-bench run' to start")
	}
	f := os.NewFile(connFD, "lab")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("connecting to the lab: %w", err)
	}
	return conn, nil
}

// stopGrace is how long a scenario may take to clean up when its worker ends.
const stopGrace = 10 * time.Second

// Errors with which a request's context ends.
var (
	errCancelled = errors.New("the lab cancelled it")
	errLabGone   = errors.New("the lab is gone")
)

// Serve answers the lab until it closes the connection or ctx ends. Then a sample
// that is being taken is cancelled, so that the scenario cleans up in good order,
// the target is cleaned, and conn is closed. A scenario that does not come to an end
// is an error; the process should end then.
func Serve(ctx context.Context, conn io.ReadWriteCloser, c Catalog) error {
	s := &server{catalog: c, conn: conn, replies: make(chan reply, 1), grace: stopGrace}
	return s.serve(ctx)
}

// server is the worker's side of a connection. Its fields belong to serve.
type server struct {
	catalog Catalog
	conn    io.ReadWriteCloser
	grace   time.Duration

	replies chan reply              // of the request that is being worked on
	working uint64                  // its number; 0 is none
	cancel  context.CancelCauseFunc // ends it
}

// incoming is a request, or why there will be no more.
type incoming struct {
	request request
	err     error
}

func (s *server) serve(ctx context.Context) error {
	if err := send(s.conn, hello{Protocol}); err != nil {
		return errors.Join(fmt.Errorf("greeting the lab: %w", err), s.conn.Close())
	}
	ended := make(chan struct{})
	defer close(ended)
	requests := s.listen(ended)
	for {
		select {
		case <-ctx.Done():
			return s.end(context.Cause(ctx), nil)
		case r := <-s.replies:
			s.working = 0
			if err := s.answer(r); err != nil {
				return s.end(errLabGone, err)
			}
		case in := <-requests:
			switch {
			case errors.Is(in.err, io.EOF):
				return s.end(errLabGone, nil)
			case in.err != nil:
				return s.end(errLabGone, in.err)
			case in.request.Op == opClose:
				return s.closeFor(in.request)
			case in.request.Op == opCancel:
				if s.working == in.request.ID {
					s.cancel(errCancelled)
				}
			case s.working != 0:
				return s.end(errLabGone, fmt.Errorf("%w: a request before the reply to the last", ErrBadMessage))
			default:
				s.start(ctx, in.request)
			}
		}
	}
}

// listen reads requests until the connection ends, or serve has.
func (s *server) listen(ended <-chan struct{}) <-chan incoming {
	requests := make(chan incoming)
	go func() {
		r := newReceiver(s.conn)
		for {
			var in incoming
			in.err = r.receive(&in.request)
			if in.err == nil && in.request.ID == 0 {
				in.err = fmt.Errorf("%w: a request without a number", ErrBadMessage)
			}
			select {
			case requests <- in:
			case <-ended:
				return
			}
			if in.err != nil {
				return
			}
		}
	}()
	return requests
}

// start works on a request, with a context that is cancelled when the lab asks.
func (s *server) start(ctx context.Context, req request) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.working = req.ID
	cancel := s.cancel
	go func() {
		defer cancel(nil)
		r, err := s.catalog.handle(ctx, req)
		if err != nil {
			r = reply{Failure: failureOf(err)}
		}
		r.ID = req.ID
		s.replies <- r
	}()
}

// answer sends a reply. One that cannot be put in a message becomes a failure.
func (s *server) answer(r reply) error {
	err := send(s.conn, r)
	if errors.Is(err, ErrBadMessage) {
		err = send(s.conn, reply{ID: r.ID, Failure: failureOf(err)})
	}
	return err
}

// stop ends what is being worked on, and cleans the target.
func (s *server) stop(cause error) error {
	if s.working != 0 {
		s.cancel(cause)
		select {
		case <-s.replies:
			s.working = 0
		case <-time.After(s.grace):
			return fmt.Errorf("ending a request: %w after %v", ErrStuck, s.grace)
		}
	}
	if err := s.catalog.Target.Clean(); err != nil {
		return fmt.Errorf("cleaning up after %s: %w", s.catalog.Target.Name(), err)
	}
	return nil
}

// end leaves a lab that does not wait for it.
func (s *server) end(cause, err error) error {
	return errors.Join(err, s.stop(cause), s.conn.Close())
}

// closeFor ends everything and tells the lab how it went.
func (s *server) closeFor(req request) error {
	r := reply{ID: req.ID}
	err := s.stop(errCancelled)
	if err != nil {
		r.Failure = failureOf(err)
	}
	return errors.Join(err, s.answer(r), s.conn.Close())
}
