// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && profile

package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"arcbox.dev/bench/profile"
	"arcbox.dev/guest/agent"
	"arcbox.dev/guest/protocol"
)

var services = []func() agent.Service{profiles}

// handTime is how long the host may take to read the profiles.
const handTime = 10 * time.Second

// profiles has this process profile itself until the host asks for what came of it.
func profiles() agent.Service {
	recording, err := profile.Record()
	return agent.Service{Port: protocol.ProfilePort, Serve: func(l net.Listener) error {
		if err != nil {
			return err
		}
		stop := sync.OnceValues(recording.Stop)
		for {
			conn, err := l.Accept()
			if err != nil {
				return err
			}
			set, err := stop()
			if err == nil {
				err = hand(conn, set)
			}
			conn.Close()
			if err != nil {
				fmt.Fprintln(os.Stderr, "arcbox-agent: handing out profiles:", err)
			}
		}
	}}
}

// hand writes the profiles to a connection.
func hand(conn net.Conn, set profile.Set) error {
	if err := conn.SetWriteDeadline(time.Now().Add(handTime)); err != nil {
		return err
	}
	for kind, data := range set {
		if _, err := conn.Write(protocol.Profile{Kind: string(kind), Data: data}.Append(nil)); err != nil {
			return err
		}
	}
	return nil
}
