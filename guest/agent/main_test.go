// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent"
	"arcbox.dev/guest/agent/container"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/client"
	"arcbox.dev/guest/protocol"
)

// TestMain also plays the part of the agent's program, which starts itself as a
// container's init, and of other programs.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case container.InitName:
		container.Init()
	case produceName:
		produce()
		return
	case mainName:
		agent.Main("test")
	}
	if os.Getuid() == 0 && os.Getenv(namespaced) == "" {
		panic(enterNamespace())
	}
	// The tests look at what processes inherit; what this one did is none of theirs.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// mainName is the name under which this program is the agent's.
const mainName = "arcbox-test-agent"

// namespaced is the variable by which this program knows that it has a mount
// namespace of its own.
const namespaced = "ARCBOX_TEST_NAMESPACED"

// enterNamespace executes this program again, in a mount namespace of its own, so
// that nothing that a test mounts can stay. It returns only if that fails.
func enterNamespace() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), namespaced+"=1"))
}

// host connects to an agent in this process as a VM's host would, over unix sockets.
type host struct {
	dir   string
	agent *agent.Agent
	power *fakePower
}

func (h *host) path(port uint32) string {
	return filepath.Join(h.dir, map[uint32]string{protocol.RPCPort: "calls", protocol.StreamPort: "streams"}[port])
}

func (h *host) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", h.path(port))
}

// fakePower notes what the agent would have done to its guest.
type fakePower struct {
	mu    sync.Mutex
	kills []unix.Signal
	off   []bool
}

func (p *fakePower) Kill(sig unix.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kills = append(p.kills, sig)
}

func (p *fakePower) Off(reboot bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = append(p.off, reboot)
	return nil
}

// startAgent runs an agent until the end of the test.
func startAgent(t *testing.T, change ...func(*agent.Config)) *host {
	t.Helper()
	h := &host{dir: t.TempDir(), power: new(fakePower)}
	cfg := agent.Config{
		Version: "test",
		Reaper:  process.NewReaper(false),
		Host:    &container.Host{Program: "/proc/self/exe", Stage: t.TempDir()},
		Power:   h.power,
	}
	for _, f := range change {
		f(&cfg)
	}
	h.agent = agent.New(cfg)
	calls, err := net.Listen("unix", h.path(protocol.RPCPort))
	require.NoError(t, err)
	streams, err := net.Listen("unix", h.path(protocol.StreamPort))
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { h.agent.ServeCalls(calls) })
	serving.Go(func() { h.agent.ServeStreams(streams) })
	t.Cleanup(func() {
		streams.Close()
		h.agent.Close()
		serving.Wait()
	})
	return h
}

// guest is a client of the agent. Processes run as the test's own user if not told
// otherwise, since nobody but root can choose.
type guest struct {
	*client.Client
}

func (g guest) Start(ctx context.Context, cfg client.ExecConfig) (*client.Process, error) {
	if uid := os.Getuid(); uid != 0 && cfg.User == "" {
		cfg.User = fmt.Sprintf("%d:%d", uid, os.Getgid())
	}
	return g.Client.Start(ctx, cfg)
}

// connect returns a client of the agent.
func (h *host) connect(t *testing.T) guest {
	t.Helper()
	c, err := client.Connect(soon(t), h)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return guest{c}
}

// soon is a context that ends before the test binary's own limit.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
