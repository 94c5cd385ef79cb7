// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package streams

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a registry and returns it and what connects to it.
func start(t *testing.T) (*Registry, func(text string) net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	require.NoError(t, err)
	r := NewRegistry()
	done := make(chan error, 1)
	go func() { done <- r.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		require.ErrorIs(t, <-done, net.ErrClosed)
		r.Close()
	})
	return r, func(text string) net.Conn {
		conn, err := net.Dial("unix", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, text)
		require.NoError(t, err)
		return conn
	}
}

func header(id uint64, s protocol.Stream) string {
	return string(protocol.StreamHeader{ID: id, Stream: s}.Append(nil))
}

// isClosed waits for the other side to close a connection.
func isClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err := conn.Read(make([]byte, 1))
	if !errors.Is(err, unix.ECONNRESET) { // what was written is not read
		require.ErrorIs(t, err, io.EOF)
	}
}

func (r *Registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

func TestClaim(t *testing.T) {
	for _, first := range []string{"connection", "claim"} {
		t.Run(first+" comes first", func(t *testing.T) {
			r, dial := start(t)
			type answer struct {
				set Set
				err error
			}
			claimed := make(chan answer, 1)
			claim := func() {
				set, err := r.Claim(t.Context(), 7, []protocol.Stream{protocol.Stdin, protocol.Stdout})
				claimed <- answer{set, err}
			}
			if first == "claim" {
				go claim()
				time.Sleep(10 * time.Millisecond)
			}
			dial(header(7, protocol.Stdin) + "input")
			dial(header(7, protocol.Stdout))
			dial(header(8, protocol.Stdin))
			if first == "connection" {
				require.Eventually(t, func() bool { return r.count() == 3 }, 5*time.Second, time.Millisecond)
				go claim()
			}
			got := <-claimed
			require.NoError(t, got.err)
			require.Len(t, got.set, 2)
			buf := make([]byte, 5)
			_, err := io.ReadFull(got.set[protocol.Stdin], buf)
			require.NoError(t, err)
			require.Equal(t, "input", string(buf))
			got.set.Close()
			require.Eventually(t, func() bool { return r.count() == 1 }, 5*time.Second, time.Millisecond)
		})
	}
}

func TestClaimGivesUp(t *testing.T) {
	r, dial := start(t)
	conn := dial(header(7, protocol.Stdout))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := r.Claim(ctx, 7, []protocol.Stream{protocol.Stdout, protocol.Stderr})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "waiting for stderr of process 7")
	isClosed(t, conn)
	late := dial(header(7, protocol.Stderr)) // waits for a claim of its own
	require.Eventually(t, func() bool { return r.count() == 1 }, 5*time.Second, time.Millisecond)
	r.Close()
	isClosed(t, late)
}

func TestRefusedConnections(t *testing.T) {
	r, dial := start(t)
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", header(0, protocol.Stdin), header(1, 9)} {
		isClosed(t, dial(text))
	}
	dial(header(1, protocol.Stdin))
	require.Eventually(t, func() bool { return r.count() == 1 }, 5*time.Second, time.Millisecond)
	isClosed(t, dial(header(1, protocol.Stdin)))
	for id := range uint64(maxWaiting - 1) {
		dial(header(id+2, protocol.Stdin))
	}
	require.Eventually(t, func() bool { return r.count() == maxWaiting }, 5*time.Second, time.Millisecond)
	isClosed(t, dial(header(1<<40, protocol.Stdin)))
	r.Close()
	isClosed(t, dial(header(1<<41, protocol.Stdin)))
}

func TestClaimTwice(t *testing.T) {
	r, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := r.Claim(ctx, 1, []protocol.Stream{protocol.Stdin})
		first <- err
	}()
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.slots) == 1
	}, 5*time.Second, time.Millisecond)
	_, err := r.Claim(t.Context(), 1, []protocol.Stream{protocol.Stdin})
	require.ErrorIs(t, err, errClaimed)
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
}
