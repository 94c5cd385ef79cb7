// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/protocol"
)

// profileGuest is a guest that sends the bytes to whoever asks for profiles, and then
// hangs or closes.
type profileGuest struct {
	sends []byte
	hangs bool
	err   error
}

func (g profileGuest) Dial(_ context.Context, port uint32) (net.Conn, error) {
	if port != protocol.ProfilePort {
		return nil, errors.New("another port")
	}
	if g.err != nil {
		return nil, g.err
	}
	ours, theirs := net.Pipe()
	go func() {
		theirs.Write(g.sends)
		if g.hangs {
			theirs.Read(make([]byte, 1)) // until the other end is closed
		}
		theirs.Close()
	}()
	return ours, nil
}

func profile(kind, data string) []byte {
	return protocol.Profile{Kind: kind, Data: []byte(data)}.Append(nil)
}

func TestProfiles(t *testing.T) {
	c := &Client{dialer: profileGuest{sends: append(profile("cpu", "a"), profile("block", "b")...)}}
	got, err := c.Profiles(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string][]byte{"cpu": []byte("a"), "block": []byte("b")}, got)
}

func TestProfilesErrors(t *testing.T) {
	var many []byte
	for i := range maxProfiles + 1 {
		many = append(many, profile(strings.Repeat("a", i+1), "x")...)
	}
	for _, tt := range []struct {
		name  string
		guest Dialer
		want  string
		kind  error
	}{
		{"an agent without", profileGuest{err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, "it was not built to keep any", ErrNoProfiles},
		{"a single stream", nil, "it was not built to keep any", ErrNoProfiles},
		{"a guest that is gone", profileGuest{err: syscall.ECONNRESET}, "connecting to the agent's profiles: ", syscall.ECONNRESET},
		{"garbage", profileGuest{sends: bytes.Repeat([]byte{7}, 100)}, `magic "\a\a\a\a"`, nil},
		{"cut off", profileGuest{sends: profile("cpu", "data")[:18]}, "unexpected EOF", nil},
		{"too many", profileGuest{sends: many}, "more than 8", nil},
		{"hangs", profileGuest{sends: profile("cpu", "data"), hangs: true}, "agent: profiles: ", context.DeadlineExceeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if tt.name != "hangs" {
				ctx = t.Context()
			}
			got, err := (&Client{dialer: tt.guest}).Profiles(ctx)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, got)
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
			}
		})
	}
}
