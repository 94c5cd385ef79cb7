// SPDX-License-Identifier: MIT OR Apache-2.0

// Package client is the host's side of the agent in a guest.
//
// A guest is hostile: what comes from it is bounded in size and time and never
// panics. Each call has a deadline, its context's or else its own; only waiting for
// a process lasts as long as the process does. Text from a guest is made printable
// before it becomes part of an error.
package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/containerd/ttrpc"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

const (
	callTimeout  = 30 * time.Second // of a call whose context has no deadline
	writeTimeout = 10 * time.Second // of a write to a guest that does not read
	bootTimeout  = 60 * time.Second // of NewOverStream, likewise
	pingInterval = time.Second      // between the pings of NewOverStream
)

// Dialer connects to vsock ports of a guest. The connections' CloseWrite method,
// where they have one, is used to pass on the end of a process's input.
type Dialer interface {
	Dial(ctx context.Context, port uint32) (net.Conn, error)
}

// Client is a connection to one agent. Its methods may be called from any goroutine.
type Client struct {
	dialer Dialer // nil over a single stream
	rpc    *ttrpc.Client
	agent  agentpb.AgentService
	hello  Pong
}

// Connect connects to the agent behind d and compares versions with it. An agent
// of another version gives an error that matches ErrVersion.
func Connect(ctx context.Context, d Dialer) (*Client, error) {
	ctx, cancel := withDefaultTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := d.Dial(ctx, protocol.RPCPort)
	if err != nil {
		return nil, fmt.Errorf("connecting to the agent: %w", err)
	}
	c := newClient(conn, d)
	if c.hello, err = c.Ping(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// NewOverStream speaks to the agent over the one stream rwc, as virtio console
// ports are, and asks until the agent answers. Processes started through such a
// client have no input and output. The client owns rwc, also after an error.
func NewOverStream(ctx context.Context, rwc io.ReadWriteCloser) (*Client, error) {
	ctx, cancel := withDefaultTimeout(ctx, bootTimeout)
	defer cancel()
	c := newClient(asConn(rwc), nil)
	var err error
	if c.hello, err = c.pingUntil(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func newClient(conn net.Conn, d Dialer) *Client {
	muteTransport()
	c := &Client{dialer: d, rpc: ttrpc.NewClient(&boundedConn{conn, writeTimeout})}
	c.agent = agentpb.NewAgentClient(c.rpc)
	return c
}

// Hello returns the answer to the ping with which the connection began.
func (c *Client) Hello() Pong { return c.hello }

// Close closes the connection, and with it the streams of all processes; the
// processes go on.
func (c *Client) Close() error { return c.rpc.Close() }

// pingUntil pings again and again, and takes the first answer to any of them: the
// agent may not be there yet, and what was sent to it may be lost. If there is none,
// it closes the client.
func (c *Client) pingUntil(ctx context.Context) (Pong, error) {
	type answer struct {
		pong Pong
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	answers := make(chan answer)
	var pings sync.WaitGroup
	defer pings.Wait()
	defer cancel()
	again := time.NewTicker(pingInterval)
	defer again.Stop()
	for {
		pings.Go(func() {
			pong, err := c.Ping(ctx)
			select {
			case answers <- answer{pong, err}:
			case <-ctx.Done():
			}
		})
		select {
		case a := <-answers:
			return a.pong, a.err
		case <-ctx.Done():
			c.Close() // a ping may hang in a write
			return Pong{}, fmt.Errorf("waiting for the agent: %w", context.Cause(ctx))
		case <-again.C:
		}
	}
}

// call makes one call with a deadline and gives its errors their kind.
func call[Req, Resp any](ctx context.Context, name string, method func(context.Context, Req) (Resp, error), req Req) (Resp, error) {
	ctx, cancel := withDefaultTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := method(ctx, req)
	if err != nil {
		var none Resp
		return none, kindOf(ctx, name, err)
	}
	return resp, nil
}

func withDefaultTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
