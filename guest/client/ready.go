// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"arcbox.dev/guest/protocol"
)

// readyTimeout is how long the record may take once the guest has connected.
const readyTimeout = 5 * time.Second

// Ready is an agent's first sign of life.
type Ready struct {
	ProtocolVersion uint32
	AgentVersion    string
	SinceStart      time.Duration // from the agent's first instruction to the sending
	Received        time.Time     // when the record was here, with a monotonic reading
}

// WaitReady accepts one connection from l, which listens on the host's
// protocol.ReadyPort, and reads the agent's record. When ctx ends first, l is closed.
func WaitReady(ctx context.Context, l net.Listener) (Ready, error) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	conn, err := l.Accept()
	if err != nil {
		return Ready{}, waitError(ctx, err)
	}
	defer conn.Close()
	stopReading := context.AfterFunc(ctx, func() { conn.Close() })
	defer stopReading()
	if err := conn.SetReadDeadline(time.Now().Add(readyTimeout)); err != nil {
		return Ready{}, waitError(ctx, err)
	}
	r, err := protocol.ReadReady(conn)
	received := time.Now()
	if v := (*protocol.VersionError)(nil); errors.As(err, &v) {
		return Ready{}, versionError(v.Other)
	}
	if err != nil {
		return Ready{}, waitError(ctx, err)
	}
	return Ready{
		ProtocolVersion: r.Version,
		AgentVersion:    printable(r.AgentVersion),
		SinceStart:      r.SinceStart,
		Received:        received,
	}, nil
}

// waitError prefers the context's reason to what the closing of things led to.
func waitError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("waiting for the agent: %w", err)
}
