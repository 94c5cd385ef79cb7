// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/started"
	"arcbox.dev/guest/protocol"
)

const (
	readyWait = 5 * time.Second        // for the host to accept the ready record's connection
	pingWait  = 100 * time.Millisecond // for its first ping
)

// serveVsock tells the host as soon as it can connect, and gets ready to answer
// while the host does.
func (a *Agent) serveVsock(prepared chan<- struct{}, services []Service) error {
	calls, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, protocol.RPCPort, nil)
	if err != nil {
		return fmt.Errorf("listening for calls: %w", err)
	}
	started.Mark("listening")
	complain(a.sayReady())
	started.Mark("ready")
	bytes, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, protocol.StreamPort, nil)
	if err != nil {
		return fmt.Errorf("listening for streams: %w", err)
	}
	for _, s := range services {
		complain(s.start())
	}
	failed := make(chan error, 2)
	go func() { failed <- a.ServeCalls(hostOnly{calls}) }()
	go func() { failed <- a.ServeStreams(hostOnly{bytes}) }()
	// The host is about to ping, and a guest may have one CPU: what the ping does not
	// need waits for it, but not for a host that never does.
	select {
	case <-a.wanted:
	case <-time.After(pingWait):
	case err := <-failed:
		return err
	}
	a.prepare(prepared)
	return <-failed
}

// start serves the service. Without it the agent goes on.
func (s Service) start() error {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, s.Port, nil)
	if err != nil {
		return fmt.Errorf("listening on port %d: %w", s.Port, err)
	}
	go func() { complain(s.Serve(hostOnly{l})) }()
	return nil
}

// hostOnly accepts connections from the host. With the kernel's loopback transport
// a process of the guest could connect too.
type hostOnly struct {
	*vsock.Listener
}

func (l hostOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if addr, ok := conn.RemoteAddr().(*vsock.Addr); ok && addr.ContextID == protocol.HostCID {
			return conn, nil
		}
		conn.Close()
	}
}

// sayReady tells the host that the agent serves. A host that does not listen does
// not want to know.
func (a *Agent) sayReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	conn, err := vsock.DialContext(ctx, protocol.HostCID, protocol.ReadyPort, nil)
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("telling the host: %w", err)
	}
	defer conn.Close()
	record := protocol.Ready{Version: protocol.Version, AgentVersion: a.Version, SinceStart: started.Since()}
	_, err = conn.Write(record.Append(nil))
	return err
}
