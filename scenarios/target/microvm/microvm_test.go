// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/programtest"
)

// monitors are the two.
var monitors = map[string]func(Config) *Target{"firecracker": Firecracker, "cloud-hypervisor": CloudHypervisor}

// config is that of the VMs of all tests.
var config = Config{CPUs: 2, Memory: 256 << 20, Guest: func(context.Context) (Guest, error) {
	return Guest{Kernel: "/k", Initramfs: "/i/bare", WithTool: "/i/tool", Tool: "/tool", Version: "Linux 0"}, nil
}}

// ready returns a target of which Check found the program.
func ready(t *testing.T, name, how string) *Target {
	t.Helper()
	install(t, name, how)
	m := monitors[name](config)
	m.program = name
	m.version = "Monitor v0.1"
	return m
}

func TestCheckMissing(t *testing.T) {
	programtest.Missing(t)
	for name, monitor := range monitors {
		err := monitor(config).Check(t.Context())
		require.ErrorIs(t, err, target.ErrMissing)
		require.ErrorContains(t, err, name+" is not installed (install a release from https://github.com/")
	}
}

func TestCheckOfKVM(t *testing.T) {
	install(t, "firecracker", "well")
	interpreted := config
	interpreted.KVM = func(context.Context) error { return errors.New("it interprets kernel code") }
	err := Firecracker(interpreted).Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	if _, opening := os.OpenFile(device, os.O_RDWR, 0); opening != nil {
		require.ErrorContains(t, err, "Monitor v0.1 is there and needs KVM: open /dev/kvm")
		return
	}
	require.EqualError(t, err, "Monitor v0.1 is there and needs KVM: it interprets kernel code (measure on a host with hardware virtualization)")
	interpreted.KVM = nil
	require.NoError(t, Firecracker(interpreted).Check(t.Context()))
}

func TestBoot(t *testing.T) {
	for name := range monitors {
		t.Run(name, func(t *testing.T) {
			dir := programtest.Workspace(t)
			m := ready(t, name, "well")
			require.NoError(t, m.Prepare(t.Context()))
			require.Equal(t, "Monitor v0.1; Linux 0", m.Version())

			booted, err := m.Boot(t.Context(), target.WithTool)
			require.NoError(t, err)
			marks := booted.Marks(t.Context())
			require.Equal(t, events.Request, marks[0].Name)
			require.Equal(t, events.AgentReady, marks[len(marks)-1].Name)
			require.Greater(t, marks[len(marks)-1].At, marks[0].At)
			status, err := booted.Exec(t.Context(), booted.Tool())
			require.NoError(t, err)
			require.Equal(t, client.Status{}, status)
			_, err = booted.Exec(t.Context(), "/nothing")
			require.ErrorContains(t, err, "no such program")
			info, err := booted.(target.Informer).Info(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, info.CPUs)
			require.NoError(t, booted.Stop(t.Context()))
			require.NoError(t, booted.Close())

			bare, err := m.Boot(t.Context(), target.Bare)
			require.NoError(t, err)
			pid := bare.(*vm).process.PID
			require.NoError(t, bare.Close(), "without a stop")
			require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
			require.NoDirExists(t, bare.(*vm).dir)
			require.NoError(t, m.Clean())
			programtest.RequireEmpty(t, dir)
		})
	}
}

func TestBootThatFails(t *testing.T) {
	for _, tc := range []struct{ how, want string }{
		{"panic", "starting one on trial: firecracker ended: [ 0.1] Kernel panic - not syncing: no init"},
		{"deaf", "connecting to port 1024 of the guest: reading the monitor's answer: EOF"},
	} {
		t.Run(tc.how, func(t *testing.T) {
			dir := programtest.Workspace(t)
			require.ErrorContains(t, ready(t, "firecracker", tc.how).Prepare(t.Context()), tc.want)
			programtest.RequireEmpty(t, dir)
		})
	}
	none := errors.New("no kernel")
	m := Firecracker(Config{Guest: func(context.Context) (Guest, error) { return Guest{}, none }})
	require.ErrorIs(t, m.Prepare(t.Context()), none)
}

// TestBootThatHangs: when the time is over, nothing of it is left.
func TestBootThatHangs(t *testing.T) {
	dir := programtest.Workspace(t)
	pidFile := filepath.Join(dir, "pid")
	t.Setenv("MICROVM_TEST_PID", pidFile)
	m := ready(t, "cloud-hypervisor", "hang")
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	pid := make(chan int, 1)
	go func() {
		for {
			if text, err := os.ReadFile(pidFile); err == nil && len(text) > 0 {
				n, _ := strconv.Atoi(string(text))
				pid <- n
				cancel(late)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	require.ErrorIs(t, m.Prepare(ctx), late)
	require.ErrorIs(t, syscall.Kill(<-pid, 0), syscall.ESRCH)
	programtest.RequireEmpty(t, dir)
}

func TestReadOK(t *testing.T) {
	rest := strings.NewReader("OK 12\nrest")
	require.NoError(t, readOK(rest))
	left, err := io.ReadAll(rest)
	require.NoError(t, err)
	require.Equal(t, "rest", string(left), "it is the agent's")
	for _, bad := range []string{"", "OK", "OK 12", "OK\n", "OK x\n", "OK 99999999999\n", "NO 12\n", "\n", "OK " + strings.Repeat("0", 100)} {
		require.Error(t, readOK(strings.NewReader(bad)), "%q", bad)
	}
}

func FuzzReadOK(f *testing.F) {
	f.Add([]byte("OK 1024\n"))
	f.Add([]byte("OK \n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := bytes.NewReader(answer)
		err := readOK(r)
		read := len(answer) - r.Len()
		require.LessOrEqual(t, read, maxReply)
		if err == nil {
			require.True(t, bytes.HasPrefix(answer, []byte("OK ")))
			require.Equal(t, byte('\n'), answer[read-1])
		}
	})
}

// TestDialOfSilentMonitor ends when the caller's time does.
func TestDialOfSilentMonitor(t *testing.T) {
	path := filepath.Join(programtest.Workspace(t), "vsock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	accepted := make(chan net.Conn)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			cancel(late)
			accepted <- conn
		}
	}()
	_, err = hybrid(path).Dial(ctx, 1)
	require.ErrorIs(t, err, late)
	(<-accepted).Close()
}
