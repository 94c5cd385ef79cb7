// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) {
	if path, ok := os.LookupEnv(serveDisk); ok {
		diskProcess(path) // which does not return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = virtiotest.Patience

const echoFeature = virtiotest.EchoFeature

// echo is an Echo with three queues.
type echo struct{ virtiotest.Echo }

func (*echo) QueueSizes() []uint16 { return []uint16{256, 256, 64} }

// counts returns how often queues were started and the device was reset.
func (d *echo) counts() (starts, resets int) {
	for i := range d.QueueSizes() {
		starts += d.Starts(i)
	}
	return starts, d.Resets()
}

// startBackend serves an echo device to whoever connects, until the test ends.
func startBackend(t testing.TB, log *slog.Logger) (*echo, *Backend, string) {
	path := filepath.Join(t.TempDir(), "echo.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(t, err)
	dev := &echo{}
	b := NewBackend(dev, log)
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, b.Close())
		require.NoError(t, <-served)
	})
	return dev, b, path
}

// dial connects a front end, which the test closes at its end.
func dial(t testing.TB, path string) *Frontend {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path})
	require.NoError(t, err)
	f := NewFrontend(c)
	f.Timeout = patience
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// pairOfConns are the two ends of a connection.
func pairOfConns(t testing.TB) (a, b *net.UnixConn) {
	a, file, err := socketPair()
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close() })
	fd, err := unix.Dup(int(file.Fd()))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	return a, connOf(t, fd).UnixConn
}

// connOf makes a connection of a descriptor, which it takes.
func connOf(t testing.TB, fd int) *conn {
	file := os.NewFile(uintptr(fd), "test")
	defer file.Close()
	c, err := net.FileConn(file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return newConn(c.(*net.UnixConn))
}

// countMappings returns the number of mappings of guest memory.
func countMappings(t testing.TB) int {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return bytes.Count(maps, []byte("vhostuser-test"))
}
