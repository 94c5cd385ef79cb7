// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = virtiotest.Patience

// wiring is how a board is built.
type wiring struct {
	mirror    bool // the guest reads the mirror by itself
	ioeventfd bool // kicks do not reach the transport
}

// wirings are all ways to build a board.
var wirings = []wiring{{}, {mirror: true}, {ioeventfd: true}, {mirror: true, ioeventfd: true}}

func (w wiring) String() string { return fmt.Sprintf("mirror=%v/ioeventfd=%v", w.mirror, w.ioeventfd) }

// board is a transport with what a hypervisor connects it to. Its read and write
// are a guest's accesses.
type board struct {
	*Transport
	t      testing.TB
	wiring wiring
	wire   Wiring
	arena  *virtqtest.Arena
}

// newBoard makes a board for a device, until the test ends. The device stays the
// caller's, who is to make sure that it is closed after the board.
func newBoard(t testing.TB, dev virtio.Device, wg wiring) *board {
	a, err := virtqtest.NewMemory(4 << 20)
	require.NoError(t, err)
	b := &board{t: t, wiring: wg, arena: a, wire: Wiring{Memory: a.Memory()}}
	for range dev.QueueSizes() {
		b.wire.Kicks = append(b.wire.Kicks, virtiotest.Eventfd(t, unix.EFD_NONBLOCK))
	}
	b.wire.Interrupt = virtiotest.Eventfd(t, unix.EFD_NONBLOCK)
	if wg.mirror {
		b.wire.Mirror = newMirror(t)
	}
	b.Transport, err = New(dev, b.wire)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// newMirror makes a page as a VMM does, which the race detector does not watch: the
// guest's reads are not those of a Go program.
func newMirror(t testing.TB) []byte {
	f, err := guestmem.Create("mmio-test", pageSize)
	require.NoError(t, err)
	mem, err := guestmem.MapFile(int(f.Fd()), 0, pageSize)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	t.Cleanup(func() { require.NoError(t, guestmem.Unmap(mem)) })
	for i := range mem {
		mem[i] = 0xaa // what was there before
	}
	return mem
}

// read is a guest's read. A page boundary makes two of it.
func (b *board) read(off uint64, p []byte) {
	if b.wire.Mirror == nil || off+uint64(len(p)) <= MirrorOffset {
		b.Read(off, p)
		return
	}
	n := registers(off, len(p))
	if n > 0 {
		b.Read(off, p[:n])
	}
	copy(p[n:], b.wire.Mirror[off+uint64(n)-MirrorOffset:])
}

// write is a guest's write. A page boundary makes two of it.
func (b *board) write(off uint64, p []byte) {
	if n := registers(off, len(p)); b.wire.Mirror != nil && n > 0 && n < len(p) {
		b.write(off, p[:n])
		b.write(off+uint64(n), p[n:])
		return
	}
	if b.wiring.ioeventfd && off == QueueNotify && len(p) == wordSize {
		if i := binary.LittleEndian.Uint32(p); i < uint32(len(b.wire.Kicks)) {
			require.NoError(b.t, eventfd.Signal(b.wire.Kicks[i]))
			return
		}
	}
	b.Write(off, p)
}

// get reads a register.
func (b *board) get(off uint64) uint32 {
	var p [4]byte
	b.read(off, p[:])
	return binary.LittleEndian.Uint32(p[:])
}

// set writes a register.
func (b *board) set(off uint64, v uint32) {
	b.write(off, binary.LittleEndian.AppendUint32(nil, v))
}

// interrupted takes the interrupt, for which it waits.
func (b *board) interrupted(limit time.Duration) bool {
	return taken(b.wire.Interrupt, limit)
}

// taken reads an eventfd, for which it waits.
func taken(fd int, limit time.Duration) bool {
	return virtiotest.Readable(fd, limit) && counter(fd) > 0
}

// counter reads an eventfd's counter and sets it to 0.
func counter(fd int) uint64 {
	var b [8]byte
	if _, err := unix.Read(fd, b[:]); err != nil {
		return 0
	}
	return binary.NativeEndian.Uint64(b[:])
}
