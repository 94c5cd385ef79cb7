// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"arcbox.dev/guest/protocol"
)

// ErrNoProfiles: the agent was not built to keep profiles of itself.
var ErrNoProfiles = errors.New("agent without profiles")

// maxProfiles bounds what a guest can have this side keep.
const maxProfiles = 8

// Profiles returns the profiles that the agent has kept of itself since its start, by
// kind ("cpu"), in pprof's format. To ask for them ends the keeping. What a guest says
// are profiles need be none.
func (c *Client) Profiles(ctx context.Context) (map[string][]byte, error) {
	ctx, cancel := withDefaultTimeout(ctx, callTimeout)
	defer cancel()
	if c.dialer == nil {
		return nil, errNoProfiles
	}
	conn, err := c.dialer.Dial(ctx, protocol.ProfilePort)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNoProfiles
	}
	if err != nil {
		return nil, fmt.Errorf("connecting to the agent's profiles: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	profiles := map[string][]byte{}
	for {
		p, err := protocol.ReadProfile(conn)
		if err == io.EOF && ctx.Err() == nil {
			return profiles, nil
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("agent: profiles: %w", err)
		}
		if len(profiles) == maxProfiles {
			return nil, &Error{Text: fmt.Sprintf("agent: profiles: more than %d", maxProfiles)}
		}
		profiles[p.Kind] = p.Data
	}
}

var errNoProfiles = &Error{
	Kind: ErrNoProfiles,
	Text: "agent: profiles: it was not built to keep any (build it with the tag profile)",
}
