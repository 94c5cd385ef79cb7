// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// stream accepts one connection for bytes.
func (g *guest) stream() (protocol.StreamHeader, *net.UnixConn) {
	conn, err := g.bytes.Accept()
	require.NoError(g.t, err)
	h, err := protocol.ReadStreamHeader(conn)
	require.NoError(g.t, err)
	g.t.Cleanup(func() { conn.Close() })
	return h, conn.(*net.UnixConn)
}

func TestStart(t *testing.T) {
	g := newGuest(t)
	asked := make(chan *agentpb.ExecRequest, 1)
	ended := make(chan *agentpb.WaitResponse)
	g.serve(&service{
		exec: func(r *agentpb.ExecRequest) (*agentpb.ExecResponse, error) {
			asked <- r
			return &agentpb.ExecResponse{Pid: 77}, nil
		},
		wait: func(context.Context) (*agentpb.WaitResponse, error) { return <-ended, nil },
	})
	c := connect(t, g)
	var out, errOut bytes.Buffer
	conns := make(map[protocol.Stream]*net.UnixConn)
	var ids []uint64
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for range 3 {
			h, conn := g.stream()
			conns[h.Stream] = conn
			ids = append(ids, h.ID)
		}
	}()
	p, err := c.Start(within(t, 10*time.Second), ExecConfig{
		Args: []string{"a", "\xff"}, Env: []string{"B=1"}, Dir: "/d", User: "u", Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &errOut,
		Container: &Container{ID: "c", Layers: []Layer{{Source: "/dev/vda1"}}, Mounts: []Mount{{Source: "s", Target: "/t", Type: "tmpfs"}}},
	})
	require.NoError(t, err)
	require.Equal(t, 77, p.PID())
	<-accepted
	r := <-asked
	require.NotZero(t, r.GetId())
	require.Equal(t, []uint64{r.GetId(), r.GetId(), r.GetId()}, ids)
	require.Equal(t, [][]byte{[]byte("a"), []byte("\xff")}, r.GetArgs())
	require.Equal(t, "/dev/vda1", string(r.GetContainer().GetLayers()[0].GetSource()))
	require.Equal(t, "/t", string(r.GetContainer().GetMounts()[0].GetTarget()))

	got, err := io.ReadAll(conns[protocol.Stdin])
	require.NoError(t, err)
	require.Equal(t, "input", string(got))
	go func() {
		ended <- &agentpb.WaitResponse{Code: 300, Signal: 200, StdoutBytes: 6, StderrBytes: 5}
		time.Sleep(20 * time.Millisecond) // the answer overtakes the output
		conns[protocol.Stdout].Write([]byte("output"))
		conns[protocol.Stderr].Write([]byte("error"))
		conns[protocol.Stdout].Close()
		conns[protocol.Stderr].Close()
	}()
	st, err := p.Wait(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, Status{Code: 300 & 0xff, Signal: 200 & 0x7f}, st, "bits that no status has are ignored")
	require.Equal(t, "output", out.String())
	require.Equal(t, "error", errOut.String())
}

func TestStartErrors(t *testing.T) {
	for _, tt := range []struct {
		code codes.Code
		kind error
	}{
		{codes.NotFound, ErrCommandNotFound},
		{codes.PermissionDenied, ErrNotExecutable},
		{codes.InvalidArgument, ErrInvalid},
		{codes.Aborted, ErrContainer},
		{codes.FailedPrecondition, ErrNoProcess},
	} {
		t.Run(tt.code.String(), func(t *testing.T) {
			g := newGuest(t)
			g.serve(&service{exec: func(*agentpb.ExecRequest) (*agentpb.ExecResponse, error) {
				return nil, status.Error(tt.code, "why\x00")
			}})
			c := connect(t, g)
			accepted := make(chan *net.UnixConn, 1)
			go func() {
				_, conn := g.stream()
				accepted <- conn
			}()
			p, err := c.Start(within(t, 10*time.Second), ExecConfig{Stdout: io.Discard})
			require.Nil(t, p)
			require.ErrorIs(t, err, tt.kind)
			require.EqualError(t, err, "why?")
			_, err = (<-accepted).Read(make([]byte, 1))
			require.ErrorIs(t, err, io.EOF, "the streams are closed")
		})
	}
	t.Run("no streams", func(t *testing.T) {
		g := newGuest(t)
		g.serve(&service{})
		c := connect(t, g)
		g.bytes.Close()
		_, err := c.Start(within(t, 10*time.Second), ExecConfig{Stdout: io.Discard})
		require.ErrorIs(t, err, ErrGone)
	})
}

// TestIncompleteOutput has the guest's bytes not be what it says they are.
func TestIncompleteOutput(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent string
		open bool // the guest leaves the stream open
		want string
	}{
		{"less", "abc", false, "cut off: 3 of 5 bytes arrived"},
		{"less, and open", "abc", true, "cut off: 3 of 5 bytes arrived"},
		{"more", "abcdefgh", false, "cut off: 8 of 5 bytes arrived"},
		{"all, and open", "abcde", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			here, there := net.Pipe()
			defer there.Close()
			var got bytes.Buffer
			o := newOutput(here, &got)
			o.pause = 20 * time.Millisecond
			go func() {
				there.Write([]byte(tt.sent))
				if !tt.open {
					there.Close()
				}
			}()
			o.drain()
			o.copy()
			require.Equal(t, tt.sent, got.String())
			err := o.check(5)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrOutput)
			require.ErrorContains(t, err, tt.want)
			require.Equal(t, tt.open, errors.Is(err, os.ErrDeadlineExceeded))
		})
	}
}

// TestSlowWriter has more time for its writes than the guest has for its own.
func TestSlowWriter(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		for range 5 {
			there.Write([]byte("x"))
		}
		there.Close()
	}()
	o := newOutput(here, slowWriter{})
	o.pause = 20 * time.Millisecond
	o.drain()
	o.copy()
	require.NoError(t, o.check(5))
}

type slowWriter struct{}

func (slowWriter) Write(p []byte) (int, error) {
	time.Sleep(30 * time.Millisecond)
	return len(p), nil
}

func TestFeed(t *testing.T) {
	t.Run("half-close", func(t *testing.T) {
		l, err := net.Listen("unix", t.TempDir()+"/socket")
		require.NoError(t, err)
		defer l.Close()
		here, err := net.Dial("unix", l.Addr().String())
		require.NoError(t, err)
		defer here.Close()
		there, err := l.Accept()
		require.NoError(t, err)
		defer there.Close()
		go feed(here, iotest.OneByteReader(strings.NewReader("abc")), true)
		got, err := io.ReadAll(there)
		require.NoError(t, err)
		require.Equal(t, "abc", string(got))
		_, err = there.Write([]byte("still open"))
		require.NoError(t, err)
	})
	t.Run("no half-close", func(t *testing.T) {
		here, there := net.Pipe() // has no CloseWrite
		go feed(here, strings.NewReader("abc"), false)
		got, err := io.ReadAll(there)
		require.NoError(t, err)
		require.Equal(t, "abc", string(got))
		here, there = net.Pipe()
		go io.Copy(io.Discard, there)
		feed(here, strings.NewReader("abc"), true)
		_, err = here.Write([]byte("still open"))
		require.NoError(t, err)
		there.Close()
	})
}

func TestWriters(t *testing.T) {
	var a, b bytes.Buffer
	x, y := writers(&a, &b)
	require.Same(t, &a, x)
	require.Same(t, &b, y)
	x, y = writers(&a, &a)
	require.Same(t, x, y)
	require.IsType(t, &serialWriter{}, x)
	x, y = writers(nil, &a)
	require.Nil(t, x)
	require.Same(t, &a, y)
	odd := incomparable{func() {}}
	x, _ = writers(odd, odd) // comparing those would panic
	require.IsType(t, incomparable{}, x)
	var all sync.WaitGroup
	x, y = writers(&a, &a)
	for range 50 {
		all.Go(func() { x.Write([]byte("x")) })
		all.Go(func() { y.Write([]byte("y")) })
	}
	all.Wait()
	require.Equal(t, 100, a.Len())
}

type incomparable struct{ f func() }

func (incomparable) Write(p []byte) (int, error) { return len(p), nil }
