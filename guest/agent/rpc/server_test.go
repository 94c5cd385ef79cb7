// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"arcbox.dev/guest/protocol/agentpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const service = "arcbox.agent.v1.Agent"

// serve runs a server until the end of the test and returns what connects to it.
func serve(t *testing.T, methods map[string]Method) func() net.Conn {
	t.Helper()
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	require.NoError(t, err)
	s := NewServer(service, methods)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-done, net.ErrClosed)
	})
	return func() net.Conn {
		conn, err := net.Dial("unix", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

// newClient returns the host's client, which is generated and uses the ttrpc library.
func newClient(t *testing.T, conn net.Conn) agentpb.AgentService {
	c := ttrpc.NewClient(conn)
	t.Cleanup(func() {
		c.Close()
		require.NoError(t, c.UserOnCloseWait(context.Background()))
	})
	return agentpb.NewAgentClient(c)
}

func TestCall(t *testing.T) {
	dial := serve(t, map[string]Method{
		"Ping": Unary(func(_ context.Context, r *PingRequest) (Response, error) {
			return &PingResponse{ProtocolVersion: r.ProtocolVersion + 1, AgentVersion: strings.Repeat("v", 1<<16)}, nil
		}),
	})
	c := newClient(t, dial())
	var calls sync.WaitGroup
	for i := range uint32(100) {
		calls.Go(func() {
			resp, err := c.Ping(t.Context(), &agentpb.PingRequest{ProtocolVersion: i})
			if err != nil || resp.GetProtocolVersion() != i+1 || len(resp.GetAgentVersion()) != 1<<16 {
				t.Errorf("call %d: got %d, %d bytes, %v", i, resp.GetProtocolVersion(), len(resp.GetAgentVersion()), err)
			}
		})
	}
	calls.Wait()
}

func TestErrors(t *testing.T) {
	fail := func(err error) Method {
		return Unary(func(context.Context, *PingRequest) (Response, error) { return nil, err })
	}
	for _, tt := range []struct {
		name    string
		method  Method
		code    codes.Code
		message string
	}{
		{"status", fail(Errorf(FailedPrecondition, "of %d", 5)), codes.FailedPrecondition, "of 5"},
		{"plain error", fail(io.ErrUnexpectedEOF), codes.Internal, "unexpected EOF"},
		{"deadline", fail(context.DeadlineExceeded), codes.DeadlineExceeded, "context deadline exceeded"},
		{"canceled", fail(context.Canceled), codes.Canceled, "context canceled"},
		{"no such method", nil, codes.Unimplemented, "no method Ping of service " + service},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dial := serve(t, map[string]Method{"Ping": tt.method})
			_, err := newClient(t, dial()).Ping(t.Context(), &agentpb.PingRequest{})
			require.Equal(t, tt.code, status.Code(err))
			require.Equal(t, tt.message, status.Convert(err).Message())
		})
	}
}

// TestTimeout has the caller's deadline reach the method.
func TestTimeout(t *testing.T) {
	ended := make(chan error, 1)
	dial := serve(t, map[string]Method{
		"Wait": Unary(func(ctx context.Context, _ *WaitRequest) (Response, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}),
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := newClient(t, dial()).Wait(ctx, &agentpb.WaitRequest{})
	require.Error(t, err)
	require.ErrorIs(t, <-ended, context.DeadlineExceeded)
}

// TestDisconnect ends the calls of a caller that goes away.
func TestDisconnect(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 1)
	dial := serve(t, map[string]Method{
		"Wait": Unary(func(ctx context.Context, _ *WaitRequest) (Response, error) {
			close(started)
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}),
	})
	conn := dial()
	_, err := conn.Write(frame(1, typeRequest, encodeRequest(service, "Wait", nil)))
	require.NoError(t, err)
	<-started
	require.NoError(t, conn.Close())
	require.ErrorIs(t, <-ended, context.Canceled)
}

func encodeRequest(service, method string, payload []byte) []byte {
	return appendText(appendText(appendText(nil, 1, service), 2, method), 3, payload)
}

// frame is a message with its header.
func frame(stream uint32, kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(append(b, kind, 0), body...)
}

// TestBrokenMessages are answered, or end the connection, and leave others alone.
func TestBrokenMessages(t *testing.T) {
	dial := serve(t, map[string]Method{
		"Ping": Unary(func(context.Context, *PingRequest) (Response, error) { return Empty{}, nil }),
	})
	ping := encodeRequest(service, "Ping", nil)
	for _, tt := range []struct {
		name string
		in   []byte
		want []Code // of the answers, in any order; 0 is success
	}{
		{"call", frame(1, typeRequest, ping), []Code{0}},
		{"even stream", frame(2, typeRequest, ping), []Code{InvalidArgument}},
		{"stream 0", frame(0, typeRequest, ping), []Code{InvalidArgument}},
		{"stream again", append(frame(3, typeRequest, ping), frame(3, typeRequest, ping)...), []Code{0, InvalidArgument}},
		{"stream goes back", append(frame(5, typeRequest, ping), frame(3, typeRequest, ping)...), []Code{0, InvalidArgument}},
		{"broken request", frame(1, typeRequest, []byte{0xff}), []Code{InvalidArgument}},
		{"broken payload", frame(1, typeRequest, encodeRequest(service, "Ping", []byte{0xff})), []Code{InvalidArgument}},
		{"other service", frame(1, typeRequest, encodeRequest("x", "Ping", nil)), []Code{Unimplemented}},
		{"empty request", frame(1, typeRequest, nil), []Code{Unimplemented}},
		{"data, response and unknown type", append(append(frame(1, 3, ping), frame(3, typeResponse, ping)...), frame(5, 99, ping)...), nil},
		{"too long, then a call", append(frame(1, typeRequest, make([]byte, maxLength+1)), frame(3, typeRequest, ping)...), []Code{ResourceExhausted, 0}},
		{"as long as may be", frame(1, typeRequest, append(appendTag(nil, 15, wireBytes), append(binary.AppendUvarint(nil, maxLength-5), make([]byte, maxLength-5)...)...)), []Code{Unimplemented}},
		{"cut off header", frame(1, typeRequest, ping)[:5], nil},
		{"cut off message", frame(1, typeRequest, ping)[:headerSize+1], nil},
		{"cut off long message", binary.BigEndian.AppendUint32(nil, 1<<32-1), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dial()
			go func() {
				conn.Write(tt.in)
				conn.(*net.UnixConn).CloseWrite()
			}()
			var got []Code
			for r := bufio.NewReader(conn); ; {
				_, kind, message, err := readMessage(r)
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				require.Equal(t, byte(typeResponse), kind)
				var code Code
				require.NoError(t, decode(message, func(f field) error {
					if f.number != 1 {
						return nil
					}
					return decode(f.bytes, func(f field) error {
						if f.number == 1 {
							return setInteger(&code, f)
						}
						return nil
					})
				}))
				got = append(got, code)
			}
			require.ElementsMatch(t, tt.want, got)
		})
	}
}

func TestServeAfterClose(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/socket")
	require.NoError(t, err)
	s := NewServer(service, nil)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Serve(l), net.ErrClosed)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

func FuzzReadMessage(f *testing.F) {
	f.Add(frame(1, typeRequest, []byte("abc")))
	f.Add(binary.BigEndian.AppendUint32(nil, 1<<32-1))
	f.Add(frame(1, typeRequest, nil)[:9])
	f.Fuzz(func(t *testing.T, in []byte) {
		stream, kind, message, err := readMessage(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(message), maxLength)
		require.Equal(t, in[:headerSize+len(message)][:9], frame(stream, kind, message)[:9])
		require.NotPanics(t, func() { new(request).decode(message) })
	})
}
