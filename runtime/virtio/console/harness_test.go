// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// sink keeps what is written, each write on its own.
type sink struct {
	mu     sync.Mutex
	writes [][]byte
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, bytes.Clone(p))
	return len(p), nil
}

func (s *sink) all() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Join(s.writes, nil)
}

// guest is a driver of one queue.
type guest struct {
	t     testing.TB
	arena *virtqtest.Arena
	ring  *virtiotest.Ring
}

func newGuest(t testing.TB, size uint16, o virtq.Options) *guest {
	a, err := virtqtest.NewMemory(4 << 20)
	require.NoError(t, err)
	ring, err := virtiotest.NewRing(a, size, o)
	require.NoError(t, err)
	return &guest{t, a, ring}
}

// buffer makes a buffer of guest memory.
func (g *guest) buffer(n int, writable bool) (virtqtest.Buffer, []byte) {
	g.t.Helper()
	b, mem, err := g.arena.Buffer(uint32(n), writable)
	require.NoError(g.t, err)
	return b, mem
}

// send adds a chain of buffers with these contents, without a kick.
func (g *guest) send(parts ...[]byte) {
	g.t.Helper()
	var bufs []virtqtest.Buffer
	for _, p := range parts {
		b, mem := g.buffer(len(p), false)
		copy(mem, p)
		bufs = append(bufs, b)
	}
	_, err := g.ring.Add(bufs...)
	require.NoError(g.t, err)
}

// reap waits for n used chains.
func (g *guest) reap(n int) {
	g.t.Helper()
	for n > 0 {
		done, err := g.ring.Wait(patience)
		require.NoError(g.t, err)
		require.NotEmpty(g.t, done, "the device does not answer")
		n -= len(done)
	}
	require.Zero(g.t, n)
}

// receive gives the device one buffer, waits for it, and returns what is in it.
func (g *guest) receive(b virtqtest.Buffer, mem []byte) []byte {
	g.t.Helper()
	_, err := g.ring.Add(b)
	require.NoError(g.t, err)
	g.ring.Kick()
	done, err := g.ring.Wait(patience)
	require.NoError(g.t, err)
	require.Len(g.t, done, 1, "the device does not answer")
	return mem[:done[0].Written]
}

func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8*7 ^ i>>16*13)
	}
	return b
}
