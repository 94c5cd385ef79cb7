// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrRefused: the back end has replied that it will not do what it was told.
var ErrRefused = errors.New("the back end refuses")

// Frontend uses a device that a back end serves: its methods are the messages of
// the protocol, in the order of need. It may be used from any goroutine. After an
// error other than ErrRefused the two ends may no longer agree; Close it.
//
// Descriptors passed to it stay the caller's.
type Frontend struct {
	// Timeout bounds the exchange of each message; 0 means that it has no bound. It
	// is set before the first message.
	Timeout time.Duration

	mu       sync.Mutex // held for an exchange; guards what follows
	conn     *conn
	protocol uint64 // what SetProtocolFeatures has set
	channel  *backChannel
}

// NewFrontend makes a front end on a connection, which it closes in Close.
func NewFrontend(c *net.UnixConn) *Frontend { return &Frontend{conn: newConn(c)} }

// Close ends the connection, and waits until the function given to OpenChannel
// has returned. The back end stops the queues when it notices.
func (f *Frontend) Close() error {
	err := f.conn.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.channel != nil {
		f.channel.close()
		f.channel = nil
	}
	return err
}

// tell sends a message, and waits for its result if the back end reports results.
func (f *Frontend) tell(req request, p payload, fds ...int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tellLocked(req, p, fds...)
}

func (f *Frontend) tellLocked(req request, p payload, fds ...int) error {
	if f.protocol&ProtocolReplyAck == 0 {
		return named(req, f.send(req, 0, p, fds...))
	}
	reply, err := f.exchange(req, flagNeedReply, p, parseNumber, fds...)
	if err == nil && reply != number(0) {
		err = ErrRefused
	}
	return named(req, err)
}

// ask sends a message that has an answer of its own, which parse reads. The answer
// may refer to the connection's buffer: use does with it what is to be done before
// the next exchange.
func (f *Frontend) ask(req request, p payload, parse func([]byte) (payload, error), use func(payload)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	reply, err := f.exchange(req, 0, p, parse)
	if err != nil {
		return named(req, err)
	}
	use(reply)
	return nil
}

// askNumber asks for a number.
func (f *Frontend) askNumber(req request) (n uint64, err error) {
	err = f.ask(req, none{}, parseNumber, func(p payload) { n = uint64(p.(number)) })
	return n, err
}

// send sends a message, within the time that an exchange may take.
func (f *Frontend) send(req request, flags uint32, p payload, fds ...int) error {
	deadline := time.Time{}
	if f.Timeout > 0 {
		deadline = time.Now().Add(f.Timeout)
	}
	if err := f.conn.SetDeadline(deadline); err != nil {
		return err
	}
	return f.conn.send(req, flags, p, fds...)
}

// exchange sends a message and reads the reply.
func (f *Frontend) exchange(req request, flags uint32, p payload, parse func([]byte) (payload, error), fds ...int) (payload, error) {
	if err := f.send(req, flags, p, fds...); err != nil {
		return nil, err
	}
	m, err := f.conn.receive()
	if err != nil {
		return nil, err
	}
	defer m.files.close()
	if m.request != req || !m.isReply() || len(m.files) != 0 {
		return nil, fmt.Errorf("reply is to %v, flags %#x, %d descriptors", m.request, m.flags, len(m.files))
	}
	if req == getConfig && m.size == 0 {
		return nil, ErrRefused
	}
	return parse(m.body)
}

// named adds what was being done to an error.
func named(req request, err error) error {
	if err != nil {
		return fmt.Errorf("vhost-user %v: %w", req, err)
	}
	return nil
}
