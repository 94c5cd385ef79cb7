// SPDX-License-Identifier: MIT OR Apache-2.0

// Package rpc is the agent's end of the service Agent: a ttrpc server for unary
// calls, and the service's messages.
//
// The agent is the first program of a guest, and its size and start are part of
// every boot. The protobuf runtime and the ttrpc library, which the host uses,
// would double its size, its memory and the time before its first instruction; the
// fifteen messages of one service do not need them. Tests hold this package against
// both.
package rpc

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A ttrpc message has a header of ten bytes, big-endian (ttrpc's PROTOCOL.md):
//
//	offset 0  length of what follows the header, 32 bits
//	       4  stream, 32 bits; odd, and higher with each request
//	       8  type
//	       9  flags, which unary calls do not have
const (
	headerSize = 10
	maxLength  = 4 << 20 // bytes

	typeRequest  = 1
	typeResponse = 2
)

// Method answers a call.
type Method func(ctx context.Context, request []byte) (Response, error)

// Unary makes a Method of a function that takes a decoded request.
func Unary[T any, P interface {
	*T
	Decode([]byte) error
}](f func(ctx context.Context, request P) (Response, error)) Method {
	return func(ctx context.Context, message []byte) (Response, error) {
		request := P(new(T))
		if err := request.Decode(message); err != nil {
			return nil, Errorf(InvalidArgument, "decoding request: %v", err)
		}
		return f(ctx, request)
	}
}

// Server answers calls to one service.
type Server struct {
	service string
	methods map[string]Method

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	conns     map[net.Conn]struct{}
	running   sync.WaitGroup // connections and their calls
}

// NewServer returns a server for the methods of a service.
func NewServer(service string, methods map[string]Method) *Server {
	return &Server{service: service, methods: methods,
		listeners: make(map[net.Listener]struct{}), conns: make(map[net.Conn]struct{})}
}

// Serve answers calls on connections from l until l fails or the server is closed.
// It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		s.start(conn)
	}
}

func (s *Server) start(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.conns[conn] = struct{}{}
	s.running.Go(func() {
		s.serveConn(conn)
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	})
}

// Close ends all listeners and connections, and waits for the calls on them, whose
// contexts end too.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// connection is one connection in service.
type connection struct {
	server *Server
	conn   net.Conn

	write sync.Mutex // one message at a time
}

// serveConn reads requests and answers each in a goroutine of its own, until the
// other side closes the connection or breaks the protocol.
func (s *Server) serveConn(conn net.Conn) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &connection{server: s, conn: conn}
	var calls sync.WaitGroup
	defer conn.Close()
	defer calls.Wait()
	defer cancel()
	r := bufio.NewReader(conn)
	for last := uint32(0); ; {
		stream, kind, message, err := readMessage(r)
		if errors.Is(err, errTooLong) {
			c.respond(stream, nil, err)
			continue
		}
		if err != nil {
			return
		}
		if kind != typeRequest {
			continue // of no use to a unary call
		}
		if stream%2 == 0 || stream <= last {
			c.respond(stream, nil, Errorf(InvalidArgument, "stream %d after stream %d", stream, last))
			continue
		}
		last = stream
		calls.Go(func() { c.call(ctx, stream, message) })
	}
}

func (c *connection) call(ctx context.Context, stream uint32, message []byte) {
	resp, err := c.server.dispatch(ctx, message)
	c.respond(stream, resp, err)
}

// dispatch decodes a request and calls its method.
func (s *Server) dispatch(ctx context.Context, message []byte) (Response, error) {
	var req request
	if err := req.decode(message); err != nil {
		return nil, Errorf(InvalidArgument, "decoding request: %v", err)
	}
	method := s.methods[req.method]
	if req.service != s.service || method == nil {
		return nil, Errorf(Unimplemented, "no method %s of service %s", req.method, req.service)
	}
	if req.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, req.timeout)
		defer cancel()
	}
	return method(ctx, req.payload)
}

// request is a ttrpc Request. Metadata is passed over.
type request struct {
	service, method string
	payload         []byte
	timeout         time.Duration // 0 for none
}

func (r *request) decode(message []byte) error {
	return decode(message, func(f field) error {
		switch f.number {
		case 1:
			return setText(&r.service, f)
		case 2:
			return setText(&r.method, f)
		case 3:
			if f.kind != wireBytes {
				return errMismatch
			}
			r.payload = f.bytes
		case 4:
			return setInteger(&r.timeout, f)
		}
		return nil
	})
}

// respond writes a ttrpc Response: a status in field 1, a payload in field 2. A
// connection that cannot be written to is closed, which ends its reader.
func (c *connection) respond(stream uint32, resp Response, err error) {
	var body []byte
	if err != nil {
		body = appendMessage(nil, 1, statusOf(err).encode())
	} else {
		body = appendText(appendMessage(nil, 1, nil), 2, resp.Encode())
	}
	message := binary.BigEndian.AppendUint32(make([]byte, 0, headerSize+len(body)), uint32(len(body)))
	message = binary.BigEndian.AppendUint32(message, stream)
	message = append(append(message, typeResponse, 0), body...)
	c.write.Lock()
	defer c.write.Unlock()
	if _, err := c.conn.Write(message); err != nil {
		c.conn.Close()
	}
}

var errTooLong = &Status{ResourceExhausted, "message is longer than 4 MiB"}

// readMessage reads one message. One that is too long is read past.
func readMessage(r *bufio.Reader) (stream uint32, kind byte, message []byte, err error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, 0, nil, err
	}
	length := binary.BigEndian.Uint32(h[:])
	stream, kind = binary.BigEndian.Uint32(h[4:]), h[8]
	if length > maxLength {
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return 0, 0, nil, err
		}
		return stream, kind, nil, errTooLong
	}
	message = make([]byte, length)
	_, err = io.ReadFull(r, message)
	return stream, kind, message, err
}
