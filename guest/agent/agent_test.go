// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"arcbox.dev/guest/agent"
	"arcbox.dev/guest/client"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// raw returns the generated client, which asks what the client would not.
func (h *host) raw(t *testing.T) agentpb.AgentService {
	conn, err := net.Dial("unix", h.path(protocol.RPCPort))
	require.NoError(t, err)
	c := ttrpc.NewClient(conn)
	t.Cleanup(func() {
		c.Close()
		c.UserOnCloseWait(t.Context())
	})
	return agentpb.NewAgentClient(c)
}

func TestPing(t *testing.T) {
	var clock time.Time
	var clockErr error
	h := startAgent(t, func(cfg *agent.Config) {
		cfg.SetClock = func(now time.Time) error {
			clock = now
			return clockErr
		}
	})
	c := h.connect(t)
	require.Equal(t, "test", c.Hello().AgentVersion)
	require.Positive(t, c.Hello().SinceStart)
	require.False(t, c.Hello().ClockSet, "host and guest have one clock here")
	require.Zero(t, clock)

	raw := h.raw(t)
	off := time.Now().Add(-time.Hour)
	resp, err := raw.Ping(soon(t), &agentpb.PingRequest{ProtocolVersion: protocol.Version, HostTime: off.UnixNano()})
	require.NoError(t, err)
	require.True(t, resp.GetClockSet())
	require.Equal(t, off.UnixNano(), clock.UnixNano())

	clockErr = errors.New("no clock")
	_, err = raw.Ping(soon(t), &agentpb.PingRequest{ProtocolVersion: protocol.Version, HostTime: 1})
	require.ErrorContains(t, err, "setting the clock: no clock")

	_, err = raw.Ping(soon(t), &agentpb.PingRequest{ProtocolVersion: 99})
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.Equal(t, "protocol version 1 here, 99 on the other side", status.Convert(err).Message())
}

func TestInfo(t *testing.T) {
	info, err := startAgent(t).connect(t).Info(soon(t))
	require.NoError(t, err)
	var name unix.Utsname
	require.NoError(t, unix.Uname(&name))
	require.Equal(t, unix.ByteSliceToString(name.Release[:]), info.KernelRelease)
	require.Equal(t, unix.ByteSliceToString(name.Machine[:]), info.Machine)
	require.Equal(t, runtime.NumCPU(), info.CPUs)
	require.Greater(t, info.MemoryTotal, uint64(64<<20))
	require.Positive(t, info.MemoryAvailable)
	require.LessOrEqual(t, info.MemoryAvailable, info.MemoryTotal)
	require.Positive(t, info.Uptime)
	require.Positive(t, info.SinceStart)
	require.Positive(t, info.Tasks)
}

// TestPrepared has everything but Ping wait until the guest is prepared.
func TestPrepared(t *testing.T) {
	prepared := make(chan struct{})
	c := startAgent(t, func(cfg *agent.Config) { cfg.Prepared = prepared }).connect(t)
	answered := make(chan error, 1)
	go func() {
		_, err := c.Info(soon(t))
		answered <- err
	}()
	_, err := c.Ping(soon(t))
	require.NoError(t, err)
	select {
	case <-answered:
		t.Fatal("answered before the guest was prepared")
	case <-time.After(20 * time.Millisecond):
	}
	close(prepared)
	require.NoError(t, <-answered)
}

func TestRefused(t *testing.T) {
	raw := startAgent(t).raw(t)
	exec := func(change func(r *agentpb.ExecRequest)) func() error {
		return func() error {
			r := &agentpb.ExecRequest{Id: 1, Args: [][]byte{[]byte("true")}}
			change(r)
			_, err := raw.Exec(soon(t), r)
			return err
		}
	}
	for _, tt := range []struct {
		name string
		call func() error
		want codes.Code
	}{
		{"id 0", exec(func(r *agentpb.ExecRequest) { r.Id = 0 }), codes.InvalidArgument},
		{"terminal without one", exec(func(r *agentpb.ExecRequest) { r.Streams = []agentpb.Stream{agentpb.Stream_STREAM_TERMINAL} }), codes.InvalidArgument},
		{"stdin of a terminal", exec(func(r *agentpb.ExecRequest) {
			r.Terminal, r.Streams = &agentpb.Terminal{}, []agentpb.Stream{agentpb.Stream_STREAM_STDIN}
		}), codes.InvalidArgument},
		{"huge terminal", exec(func(r *agentpb.ExecRequest) { r.Terminal = &agentpb.Terminal{Columns: 1 << 16} }), codes.InvalidArgument},
		{"container without layers", exec(func(r *agentpb.ExecRequest) { r.Container = &agentpb.Container{Id: "a"} }), codes.InvalidArgument},
		{"container without id", exec(func(r *agentpb.ExecRequest) { r.Container = &agentpb.Container{Layers: []*agentpb.Layer{{}}} }), codes.InvalidArgument},
		{"container out of its folder", exec(func(r *agentpb.ExecRequest) {
			r.Container = &agentpb.Container{Id: "../a", Layers: []*agentpb.Layer{{}}}
		}), codes.InvalidArgument},
		{"unknown stream", exec(func(r *agentpb.ExecRequest) { r.Streams = []agentpb.Stream{99} }), codes.InvalidArgument},
		{"stream twice", exec(func(r *agentpb.ExecRequest) { r.Streams = []agentpb.Stream{1, 1} }), codes.InvalidArgument},
		{"wait", func() error { _, err := raw.Wait(soon(t), &agentpb.WaitRequest{Id: 5}); return err }, codes.NotFound},
		{"signal", func() error { _, err := raw.Signal(soon(t), &agentpb.SignalRequest{Id: 5}); return err }, codes.NotFound},
		{"resize", func() error { _, err := raw.Resize(soon(t), &agentpb.ResizeRequest{Id: 5}); return err }, codes.NotFound},
		{"mount of nothing", func() error { _, err := raw.Mount(soon(t), &agentpb.MountRequest{}); return err }, codes.InvalidArgument},
		{"mount on nothing", func() error {
			_, err := raw.Mount(soon(t), &agentpb.MountRequest{Mount: &agentpb.Mount{}})
			return err
		}, codes.InvalidArgument},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, status.Code(tt.call())) })
	}
}

func TestShutdown(t *testing.T) {
	for _, tt := range []struct {
		name     string
		shutdown client.Shutdown
		process  []string
		kills    []unix.Signal
	}{
		{"idle", client.Shutdown{Grace: time.Minute}, nil, []unix.Signal{unix.SIGKILL}},
		{"at once", client.Shutdown{Reboot: true}, []string{"sleep", "100"}, []unix.Signal{unix.SIGKILL}},
		{"after a grace", client.Shutdown{Grace: 50 * time.Millisecond}, []string{"sleep", "100"}, []unix.Signal{unix.SIGTERM, unix.SIGKILL}},
		{"ends by itself", client.Shutdown{Grace: time.Minute}, []string{"sleep", "0.3"}, []unix.Signal{unix.SIGTERM, unix.SIGKILL}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := startAgent(t)
			c := h.connect(t)
			if tt.process != nil {
				p, err := c.Start(soon(t), client.ExecConfig{Args: tt.process})
				require.NoError(t, err)
				defer unix.Kill(p.PID(), unix.SIGKILL)
			}
			require.NoError(t, c.Shutdown(soon(t), tt.shutdown))
			require.Equal(t, tt.kills, h.power.kills)
			require.Equal(t, []bool{tt.shutdown.Reboot}, h.power.off)
			_, err := c.Start(soon(t), client.ExecConfig{Args: []string{"true"}})
			require.ErrorContains(t, err, "shutting down")
		})
	}
}

// TestForgottenProcesses bounds what the agent remembers.
func TestForgottenProcesses(t *testing.T) {
	h := startAgent(t)
	raw := h.raw(t)
	const more = 300
	self := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	for id := uint64(1); id <= more; id++ {
		_, err := raw.Exec(soon(t), &agentpb.ExecRequest{Id: id, Args: [][]byte{[]byte("/bin/true")}, User: self})
		require.NoError(t, err)
		_, err = raw.Wait(soon(t), &agentpb.WaitRequest{Id: id})
		require.NoError(t, err)
	}
	_, err := raw.Wait(soon(t), &agentpb.WaitRequest{Id: 1})
	require.Equal(t, codes.NotFound, status.Code(err))
	_, err = raw.Wait(soon(t), &agentpb.WaitRequest{Id: more})
	require.NoError(t, err)
	_, err = raw.Exec(soon(t), &agentpb.ExecRequest{Id: more, Args: [][]byte{[]byte("/bin/true")}})
	require.Equal(t, codes.InvalidArgument, status.Code(err), "the id is taken")
}

func TestMainIsForInit(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = mainName
	out, err := cmd.CombinedOutput()
	require.EqualError(t, err, "exit status 1")
	require.Equal(t, "arcbox-agent: this is the init of an ArcBox guest; it runs as process 1 only\n", string(out))
}
