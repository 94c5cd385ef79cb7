// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package streams brings the connections that a host opens together with the
// processes that they are for.
//
// Host and agent do not agree on an order: a connection may be here before the
// request that names it, or after. Either waits for the other, but not for long.
package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"arcbox.dev/guest/protocol"
)

// maxWaiting bounds the connections that no request has named yet.
const maxWaiting = 256

// Registry holds connections until they are claimed.
type Registry struct {
	mu      sync.Mutex
	slots   map[protocol.StreamHeader]*slot
	waiting int // slots that have a connection
	closed  bool
}

// slot is where a connection and its claim meet. Whoever comes second removes it.
type slot struct {
	conn    net.Conn
	expiry  *time.Timer   // of a connection without a claim
	arrived chan net.Conn // of a claim without a connection; holds one
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{slots: make(map[protocol.StreamHeader]*slot)}
}

// Serve takes connections from l until l is closed.
func (r *Registry) Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go r.receive(conn)
	}
}

// Close closes all connections that are not claimed, and those that come later.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for h, s := range r.slots {
		if s.conn != nil {
			r.drop(h, s)
		}
	}
}

func (r *Registry) receive(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(protocol.ClaimTimeout))
	h, err := protocol.ReadStreamHeader(conn)
	if err != nil || conn.SetReadDeadline(time.Time{}) != nil || !r.offer(h, conn) {
		conn.Close()
	}
}

// offer reports whether the registry has taken the connection.
func (r *Registry) offer(h protocol.StreamHeader, conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slots[h]
	switch {
	case r.closed, s != nil && s.conn != nil:
		return false
	case s != nil:
		s.arrived <- conn
		delete(r.slots, h)
		return true
	case r.waiting == maxWaiting:
		return false
	}
	s = &slot{conn: conn}
	s.expiry = time.AfterFunc(protocol.ClaimTimeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.slots[h] == s {
			r.drop(h, s)
		}
	})
	r.slots[h] = s
	r.waiting++
	return true
}

// drop removes a connection without a claim. The lock is held.
func (r *Registry) drop(h protocol.StreamHeader, s *slot) {
	s.expiry.Stop()
	s.conn.Close()
	delete(r.slots, h)
	r.waiting--
}

// Set is a process's connections.
type Set map[protocol.Stream]net.Conn

// Close closes all of them.
func (s Set) Close() {
	for _, conn := range s {
		conn.Close()
	}
}

// Claim returns the connections of a process, which are the caller's from then on.
// It waits for those that are not here yet.
func (r *Registry) Claim(ctx context.Context, id uint64, kinds []protocol.Stream) (Set, error) {
	ctx, cancel := context.WithTimeout(ctx, protocol.ClaimTimeout)
	defer cancel()
	set := make(Set, len(kinds))
	for _, kind := range kinds {
		conn, err := r.claim(ctx, protocol.StreamHeader{ID: id, Stream: kind})
		if err != nil {
			set.Close()
			return nil, fmt.Errorf("waiting for %v of process %x: %w", kind, id, err)
		}
		set[kind] = conn
	}
	return set, nil
}

var errClaimed = errors.New("already claimed")

func (r *Registry) claim(ctx context.Context, h protocol.StreamHeader) (net.Conn, error) {
	r.mu.Lock()
	s := r.slots[h]
	switch {
	case s != nil && s.conn == nil:
		r.mu.Unlock()
		return nil, errClaimed
	case s != nil:
		conn := s.conn
		s.expiry.Stop()
		delete(r.slots, h)
		r.waiting--
		r.mu.Unlock()
		return conn, nil
	}
	s = &slot{arrived: make(chan net.Conn, 1)}
	r.slots[h] = s
	r.mu.Unlock()
	select {
	case conn := <-s.arrived:
		return conn, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case conn := <-s.arrived: // it came meanwhile
		return conn, nil
	default:
	}
	delete(r.slots, h)
	return nil, ctx.Err()
}
