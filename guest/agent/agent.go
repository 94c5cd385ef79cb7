// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package agent is the init of a guest: it brings the guest up, and starts
// processes and containers for the host until it brings it down.
//
// An Agent is the service Agent of package protocol. Main is the whole program, which
// also mounts, loads modules and reaps orphans.
package agent

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/container"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/streams"
	"arcbox.dev/guest/protocol"
)

// Config is what an agent needs of its surroundings.
type Config struct {
	Version string
	Reaper  *process.Reaper
	Host    *container.Host
	// Prepared is closed when file systems are mounted; nil if they are.
	Prepared <-chan struct{}
	// SetClock sets the guest's clock; nil leaves it alone.
	SetClock func(time.Time) error
	Power    Power
}

// Power is how a guest ends.
type Power interface {
	// Kill sends a signal to all processes but the agent.
	Kill(sig unix.Signal)
	// Off ends the guest, or restarts it. It may not return.
	Off(reboot bool) error
}

// Agent serves a host.
type Agent struct {
	Config
	streams *streams.Registry
	server  *rpc.Server
	wanted  chan struct{} // closed with the first call
	want    func()        // closes wanted

	mu        sync.Mutex
	processes map[uint64]*running // nil while it is being started
	ended     []uint64            // in processes, the first to end first
	closing   bool                // no new processes
}

// New returns an agent.
func New(cfg Config) *Agent {
	a := &Agent{
		Config: cfg, streams: streams.NewRegistry(), wanted: make(chan struct{}), processes: make(map[uint64]*running),
	}
	a.want = sync.OnceFunc(func() { close(a.wanted) })
	a.server = rpc.NewServer(protocol.ServiceName, map[string]rpc.Method{
		"Ping":     rpc.Unary(a.ping),
		"Info":     rpc.Unary(a.info),
		"Mount":    rpc.Unary(a.mount),
		"Exec":     rpc.Unary(a.exec),
		"Wait":     rpc.Unary(a.wait),
		"Signal":   rpc.Unary(a.signal),
		"Resize":   rpc.Unary(a.resize),
		"Shutdown": rpc.Unary(a.shutdown),
	})
	return a
}

// ServeCalls serves the service on l until l fails or the agent is closed.
func (a *Agent) ServeCalls(l net.Listener) error { return a.server.Serve(l) }

// ServeStreams takes the connections for processes from l until l is closed.
func (a *Agent) ServeStreams(l net.Listener) error { return a.streams.Serve(l) }

// Close ends all calls and connections. Processes go on.
func (a *Agent) Close() error {
	a.streams.Close()
	return a.server.Close()
}

// prepared waits until the guest is ready for more than a ping.
func (a *Agent) prepared(ctx context.Context) error {
	a.want()
	if a.Prepared == nil {
		return nil
	}
	select {
	case <-a.Prepared:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
