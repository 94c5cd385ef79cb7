// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"golang.org/x/sys/unix"
)

// Dial has the owner connect to the Unix socket of a device that another process
// serves: a VMM that is locked in cannot. The owner connects to those sockets alone
// that the VM's configuration names. It may be called before Serve.
func (s *Server) Dial(ctx context.Context, path string) (*net.UnixConn, error) {
	answer := make(chan reply, 1)
	s.mu.Lock()
	if s.dials == nil {
		s.mu.Unlock()
		return nil, errOwnerGone
	}
	s.last++
	id := s.last
	s.dials[id] = answer
	s.mu.Unlock()
	s.send(&frame{Event: eventConnect, Target: id, Path: path}, nil) // a failure shows as the socket's end
	select {
	case r, ok := <-answer:
		if !ok {
			return nil, errOwnerGone
		}
		return r.unixConn(path)
	case <-ctx.Done():
	}
	s.mu.Lock()
	delete(s.dials, id)
	s.mu.Unlock()
	select {
	case r, ok := <-answer: // it came in between
		if ok && r.file != nil {
			r.file.Close()
		}
	default:
	}
	return nil, context.Cause(ctx)
}

var errOwnerGone = errdefs.New(errdefs.ErrUnavailable, "", "the VM's owner is gone")

// unixConn is the connection that an answer carries.
func (r reply) unixConn(path string) (*net.UnixConn, error) {
	if err := r.frame.Err.error(); err != nil {
		if r.file != nil {
			r.file.Close()
		}
		return nil, err
	}
	conn, err := connection(r.file)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", path, err)
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("connecting to %s: got a %T", path, conn)
	}
	return u, nil
}

// connected hands an answer to its Dial, or closes what came for nobody.
func (s *Server) connected(r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.dials[r.frame.Target]; c != nil {
		delete(s.dials, r.frame.Target)
		c <- r // has room for it
	} else if r.file != nil {
		r.file.Close()
	}
}

// endDials ends all that wait, and those to come.
func (s *Server) endDials() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.dials {
		close(c)
	}
	s.dials = nil
}

// maxConnects is how many connections to devices the owner makes at the same time
// for one VM; further ones are refused.
const maxConnects = 16

// connect answers the VMM's request for a connection. The VMM is not trusted: it
// gets what its configuration names, and no more than so many at a time.
func (p *process) connect(f *frame) {
	answer := &frame{Method: methodConnected, Target: f.Target}
	select {
	case p.connects <- struct{}{}:
	default:
		answer.Err = toWire(errdefs.New(errdefs.ErrExhausted, "", "too many connections are being made"))
		p.send(answer, nil)
		return
	}
	go func() {
		defer func() { <-p.connects }()
		file, err := dialRemote(p.remotes, f.Path)
		answer.Err = toWire(err)
		p.send(answer, file)
		if file != nil {
			file.Close()
		}
	}()
}

// dialRemote connects to the socket of one of the VM's devices.
func dialRemote(remotes []hypervisor.Remote, path string) (*os.File, error) {
	if !slices.ContainsFunc(remotes, func(r hypervisor.Remote) bool { return r.Socket == path }) {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "the VM has no device at %q", path)
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, errdefs.New(errdefs.ErrUnavailable, "start the process that serves it", "connecting to a device: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to a device: %w", err)
	}
	defer conn.Close()
	return conn.File()
}
