// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience    = 10 * time.Second
	allFeatures = featureStats | featureDeflateOnOOM | featureReporting
)

// extent is a range of guest memory.
type extent struct{ addr, n uint64 }

// host keeps what was discarded.
type host struct {
	mu  sync.Mutex
	got []extent
	err error
}

func (h *host) discard(addr, n uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, extent{addr, n})
	return h.err
}

// Guest memory: two regions side by side, and one further up, where the rings are.
const (
	lowPages  = 8
	nextPages = 4
	highAddr  = 64 * pageSize
	highPages = 64
)

// guest is a driver of one queue.
type guest struct {
	t     testing.TB
	mem   *guestmem.Memory
	arena *virtqtest.Arena
	ring  *virtiotest.Ring
}

func newGuest(t testing.TB, size uint16, o virtq.Options) *guest {
	mem, err := guestmem.New(
		guestmem.Region{Addr: 0, Mem: make([]byte, lowPages*pageSize)},
		guestmem.Region{Addr: lowPages * pageSize, Mem: make([]byte, nextPages*pageSize)},
		guestmem.Region{Addr: highAddr, Mem: make([]byte, highPages*pageSize)},
	)
	require.NoError(t, err)
	a, err := virtqtest.NewArena(mem, highAddr, highPages*pageSize)
	require.NoError(t, err)
	ring, err := virtiotest.NewRing(a, size, o)
	require.NoError(t, err)
	return &guest{t, mem, a, ring}
}

// chain sends a chain and waits for it.
func (g *guest) chain(bufs ...virtqtest.Buffer) {
	g.t.Helper()
	_, err := g.ring.Add(bufs...)
	require.NoError(g.t, err)
	g.ring.Kick()
	done, err := g.ring.Wait(patience)
	require.NoError(g.t, err)
	require.Len(g.t, done, 1, "the device does not answer")
	require.Zero(g.t, done[0].Written)
}

// numbers makes a buffer of page numbers.
func (g *guest) numbers(pfns ...uint32) virtqtest.Buffer {
	g.t.Helper()
	b, mem, err := g.arena.Buffer(uint32(4*len(pfns)), false)
	require.NoError(g.t, err)
	for i, n := range pfns {
		binary.LittleEndian.PutUint32(mem[4*i:], n)
	}
	return b
}
