// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guest is an agent that does as a test says, behind unix sockets.
type guest struct {
	t     *testing.T
	calls net.Listener
	bytes net.Listener
}

func newGuest(t *testing.T) *guest {
	t.Helper()
	dir := t.TempDir()
	g := &guest{t: t}
	var err error
	g.calls, err = net.Listen("unix", dir+"/calls")
	require.NoError(t, err)
	g.bytes, err = net.Listen("unix", dir+"/bytes")
	require.NoError(t, err)
	t.Cleanup(func() {
		g.calls.Close()
		g.bytes.Close()
	})
	return g
}

func (g *guest) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	var d net.Dialer
	if port == protocol.StreamPort {
		return d.DialContext(ctx, "unix", g.bytes.Addr().String())
	}
	return d.DialContext(ctx, "unix", g.calls.Addr().String())
}

// serve has calls answered by an implementation of the service.
func (g *guest) serve(agent agentpb.AgentService) {
	s, err := ttrpc.NewServer()
	require.NoError(g.t, err)
	agentpb.RegisterAgentService(s, agent)
	done := make(chan struct{})
	go func() {
		s.Serve(context.Background(), g.calls)
		close(done)
	}()
	g.t.Cleanup(func() {
		s.Close()
		<-done
	})
}

// raw has each connection for calls handled by f, which the end of the test ends.
func (g *guest) raw(f func(conn net.Conn)) {
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := g.calls.Accept()
			if err != nil {
				return
			}
			g.t.Cleanup(func() { conn.Close() })
			all.Go(func() { f(conn) })
		}
	})
	g.t.Cleanup(func() {
		g.calls.Close()
		go all.Wait()
	})
}

// service is an agent whose methods a test replaces.
type service struct {
	agentpb.AgentService
	ping func(*agentpb.PingRequest) (*agentpb.PingResponse, error)
	info func() (*agentpb.InfoResponse, error)
	exec func(*agentpb.ExecRequest) (*agentpb.ExecResponse, error)
	wait func(context.Context) (*agentpb.WaitResponse, error)
}

func (s *service) Ping(_ context.Context, r *agentpb.PingRequest) (*agentpb.PingResponse, error) {
	if s.ping != nil {
		return s.ping(r)
	}
	return &agentpb.PingResponse{ProtocolVersion: protocol.Version, AgentVersion: "v1"}, nil
}

func (s *service) Info(context.Context, *agentpb.InfoRequest) (*agentpb.InfoResponse, error) {
	return s.info()
}

func (s *service) Exec(_ context.Context, r *agentpb.ExecRequest) (*agentpb.ExecResponse, error) {
	if s.exec != nil {
		return s.exec(r)
	}
	return &agentpb.ExecResponse{Pid: 1}, nil
}

func (s *service) Wait(ctx context.Context, _ *agentpb.WaitRequest) (*agentpb.WaitResponse, error) {
	return s.wait(ctx)
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func connect(t *testing.T, g *guest) *Client {
	t.Helper()
	c, err := Connect(within(t, 10*time.Second), g)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConnect(t *testing.T) {
	g := newGuest(t)
	var asked *agentpb.PingRequest
	g.serve(&service{ping: func(r *agentpb.PingRequest) (*agentpb.PingResponse, error) {
		asked = r
		return &agentpb.PingResponse{ProtocolVersion: protocol.Version, AgentVersion: "v1\x1b[2J\nv2", SinceStart: 5e6, ClockSet: true}, nil
	}})
	c := connect(t, g)
	require.Equal(t, uint32(protocol.Version), asked.GetProtocolVersion())
	require.WithinDuration(t, time.Now(), time.Unix(0, asked.GetHostTime()), time.Minute)
	hello := c.Hello()
	require.Equal(t, "v1?[2J?v2", hello.AgentVersion, "a terminal must not act on it")
	require.Equal(t, 5*time.Millisecond, hello.SinceStart)
	require.True(t, hello.ClockSet)
}

func TestConnectErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		ping func(*agentpb.PingRequest) (*agentpb.PingResponse, error)
		kind error
		text string
	}{
		{"answers with another version", func(*agentpb.PingRequest) (*agentpb.PingResponse, error) {
			return &agentpb.PingResponse{ProtocolVersion: 7}, nil
		}, ErrVersion, "the agent in the guest does not fit: protocol version 1 here, 7 on the other side; boot with"},
		{"refuses this version", func(*agentpb.PingRequest) (*agentpb.PingResponse, error) {
			return nil, status.Error(codes.FailedPrecondition, "protocol version 7 here, 1 on the other side")
		}, ErrVersion, "protocol version 7 here, 1 on the other side; boot with"},
		{"fails", func(*agentpb.PingRequest) (*agentpb.PingResponse, error) {
			return nil, status.Error(codes.Internal, "no\nclock")
		}, nil, "no?clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t)
			g.serve(&service{ping: tt.ping})
			_, err := Connect(within(t, 10*time.Second), g)
			require.ErrorContains(t, err, tt.text)
			if tt.kind != nil {
				require.ErrorIs(t, err, tt.kind)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		g := newGuest(t)
		g.calls.Close()
		_, err := Connect(within(t, 10*time.Second), g)
		require.ErrorContains(t, err, "connecting to the agent")
	})
}

// TestHostileAgent has the other side break the protocol in every way: each call
// ends with an error, in time.
func TestHostileAgent(t *testing.T) {
	head := func(length, stream uint32, kind, flags byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, length)
		b = binary.BigEndian.AppendUint32(b, stream)
		return append(b, kind, flags)
	}
	endless := func(conn net.Conn, p []byte) {
		for {
			if _, err := conn.Write(p); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		name string
		do   func(conn net.Conn)
		gone bool // the client notices before its deadline
	}{
		{"closes at once", func(conn net.Conn) { conn.Close() }, true},
		{"says nothing", func(conn net.Conn) {}, false},
		{"reads all and says nothing", func(conn net.Conn) { io.Copy(io.Discard, conn) }, false},
		{"cuts off a header", func(conn net.Conn) { conn.Write(head(0, 1, 2, 0)[:5]); conn.Close() }, true},
		{"cuts off a message", func(conn net.Conn) { conn.Write(head(1<<20, 1, 2, 0)); conn.Close() }, true},
		{"never ends a message", func(conn net.Conn) { conn.Write(head(1<<20, 1, 2, 0)) }, false},
		{"message of 4 GiB", func(conn net.Conn) { conn.Write(head(math.MaxUint32, 1, 2, 0)); endless(conn, make([]byte, 1<<16)) }, false},
		{"answers nobody", func(conn net.Conn) { endless(conn, head(0, 99, 2, 0)) }, false},
		{"data for a call", func(conn net.Conn) { endless(conn, head(0, 1, 3, 0)) }, true},
		{"unknown type", func(conn net.Conn) { endless(conn, head(0, 1, 77, 0xff)) }, true},
		{"empty answers", func(conn net.Conn) { endless(conn, head(0, 1, 2, 0)) }, true},
		{"answer that is no message", func(conn net.Conn) { conn.Write(append(head(3, 1, 2, 0), 0xff, 0xff, 0xff)) }, true},
		{"noise", func(conn net.Conn) { endless(conn, bytes.Repeat([]byte{0xa5, 0, 3}, 1000)) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t)
			g.raw(tt.do)
			limit := 300 * time.Millisecond
			if tt.gone {
				limit = 10 * time.Second
			}
			begin := time.Now()
			_, err := Connect(within(t, limit), g)
			require.Error(t, err)
			require.Less(t, time.Since(begin), 5*time.Second)
			t.Log(err)
		})
	}
}

// TestBlockedWrite has one call not hold up others for ever when the guest does not
// read.
func TestBlockedWrite(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	conn := &boundedConn{Conn: here, limit: 50 * time.Millisecond}
	_, err := conn.Write(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestCallDeadline(t *testing.T) {
	g := newGuest(t)
	release := make(chan struct{})
	g.serve(&service{info: func() (*agentpb.InfoResponse, error) {
		<-release
		return &agentpb.InfoResponse{}, nil
	}})
	c := connect(t, g)
	_, err := c.Info(within(t, 30*time.Millisecond))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "agent: info: no answer")
	close(release)
	_, err = c.Info(within(t, 10*time.Second))
	require.NoError(t, err, "the connection is still good")
}

func TestInfoIsBounded(t *testing.T) {
	g := newGuest(t)
	g.serve(&service{info: func() (*agentpb.InfoResponse, error) {
		r := &agentpb.InfoResponse{KernelRelease: strings.Repeat("x", 1<<20), Load: make([]float64, 1000)}
		for range 10000 {
			r.Steps = append(r.Steps, &agentpb.Step{Name: "step"})
		}
		return r, nil
	}})
	info, err := connect(t, g).Info(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Len(t, info.Steps, maxSteps)
	require.Less(t, len(info.KernelRelease), 2*maxGuestText)
}

// pipeStream is a stream that has no deadlines.
type pipeStream struct {
	io.Reader
	io.Writer
	close func() error
}

func (s *pipeStream) Close() error { return s.close() }

// TestNewOverStream has the agent come late and lose what was sent before.
func TestNewOverStream(t *testing.T) {
	here, there := net.Pipe()
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		io.ReadFull(there, make([]byte, 10)) // of the first ping's header
		there.SetReadDeadline(time.Now().Add(pingInterval / 2))
		io.Copy(io.Discard, there)
		there.SetReadDeadline(time.Time{})
	}()
	served := make(chan struct{})
	go func() {
		<-lost
		s, err := ttrpc.NewServer()
		if err == nil {
			agentpb.RegisterAgentService(s, &service{})
			s.Serve(context.Background(), &oneListener{conn: there, done: served})
		}
	}()
	c, err := NewOverStream(within(t, 10*time.Second), &pipeStream{here, here, here.Close})
	require.NoError(t, err)
	require.Equal(t, "v1", c.Hello().AgentVersion)
	_, err = c.Start(within(t, time.Second), ExecConfig{Args: []string{"true"}, Stdout: io.Discard})
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "no connections for input and output")
	_, err = c.Start(within(t, time.Second), ExecConfig{Args: []string{"true"}})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	there.Close()
	close(served)
}

// oneListener accepts one connection, and ends when told.
type oneListener struct {
	conn net.Conn
	done chan struct{}
	once sync.Once
}

func (l *oneListener) Accept() (net.Conn, error) {
	var conn net.Conn
	l.once.Do(func() { conn = l.conn })
	if conn != nil {
		return conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return streamAddr{} }

func TestNewOverStreamGivesUp(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	_, err := NewOverStream(within(t, 50*time.Millisecond), &pipeStream{here, here, here.Close})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = here.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe, "the stream is closed")
}

func TestWaitReady(t *testing.T) {
	good := protocol.Ready{Version: protocol.Version, AgentVersion: "v1", SinceStart: time.Millisecond}.Append(nil)
	other := bytes.Clone(good)
	other[5] = 9
	for _, tt := range []struct {
		name string
		sent []byte
		want error
		text string
	}{
		{"good", good, nil, ""},
		{"other version", other, ErrVersion, "protocol version 1 here, 9 on the other side"},
		{"cut off", good[:10], io.ErrUnexpectedEOF, "reading ready record"},
		{"nothing", nil, io.EOF, "reading ready record"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("unix", t.TempDir()+"/ready")
			require.NoError(t, err)
			defer l.Close()
			go func() {
				if conn, err := net.Dial("unix", l.Addr().String()); err == nil {
					conn.Write(tt.sent)
					conn.Close()
				}
			}()
			r, err := WaitReady(within(t, 10*time.Second), l)
			if tt.want == nil {
				require.NoError(t, err)
				require.Equal(t, "v1", r.AgentVersion)
				require.Equal(t, time.Millisecond, r.SinceStart)
				require.WithinDuration(t, time.Now(), r.Received, time.Minute)
				return
			}
			require.ErrorIs(t, err, tt.want)
			require.ErrorContains(t, err, tt.text)
		})
	}
	for _, connects := range []bool{false, true} {
		t.Run("never", func(t *testing.T) {
			l, err := net.Listen("unix", t.TempDir()+"/ready")
			require.NoError(t, err)
			defer l.Close()
			if connects {
				conn, err := net.Dial("unix", l.Addr().String())
				require.NoError(t, err)
				defer conn.Close()
			}
			_, err = WaitReady(within(t, 30*time.Millisecond), l)
			require.Error(t, err)
			require.True(t, errors.Is(err, context.DeadlineExceeded), err)
		})
	}
}

func TestPrintable(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"plain ä 世", "plain ä 世"},
		{"a\x1b[31mb\r\nc\td\x7f", "a?[31mb??c?d?"},
		{"\xff\xfe\u202e", "???"},
		{strings.Repeat("x", maxGuestText+1), strings.Repeat("x", maxGuestText) + "…"},
	} {
		require.Equal(t, tt.want, printable(tt.in))
	}
}

func TestExitCode(t *testing.T) {
	require.Equal(t, 3, Status{Code: 3}.ExitCode())
	require.Equal(t, 143, Status{Signal: 15}.ExitCode())
}
