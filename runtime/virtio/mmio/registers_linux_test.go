// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// both runs a test on a board with a mirror and on one without.
func both(t *testing.T, f func(t *testing.T, w wiring)) {
	for _, w := range wirings[:2] {
		t.Run(w.String(), func(t *testing.T) { f(t, w) })
	}
}

// TestFirstState: what the registers say of a device that nobody has touched.
func TestFirstState(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{virtiotest.Echo{Config: [20]byte{1, 2, 3, 4, 5, 19: 6}}}
		b := newBoard(t, dev, w)
		for off, want := range map[uint64]uint32{
			0x000: 0x74726976, 0x004: 2, 0x008: 3, 0x00c: 0x58424341,
			0x010: echoFeature | 1<<28 | 1<<29, 0x034: 64, 0x044: 0, 0x060: 0, 0x070: 0,
			0x0b0: 0xffffffff, 0x0b4: 0xffffffff, 0x0b8: 0xffffffff, 0x0bc: 0xffffffff,
			0x0c0: 0, 0x0fc: 0, 0x100: 0x04030201, 0x104: 5, 0x110: 6 << 24, 0x114: 0, 0x1fc: 0, 0x200: 0,
			// What can only be written.
			0x014: 0, 0x020: 0, 0x024: 0, 0x030: 0, 0x038: 0, 0x050: 0, 0x064: 0, 0x080: 0, 0x0a4: 0, 0x0ac: 0,
		} {
			require.Equal(t, want, b.get(off), "%#x", off)
		}
		for sel, want := range []uint32{echoFeature | 1<<28 | 1<<29, 1, 0, 0} {
			b.set(0x014, uint32(sel))
			require.Equal(t, want, b.get(0x010), "half %d of the features", sel)
		}
		for i, want := range []uint32{64, 16, 0, 0} {
			b.set(0x030, uint32(i))
			require.Equal(t, want, b.get(0x034), "size of queue %d", i)
		}
		b.set(0x030, 1<<32-1)
		require.Zero(t, b.get(0x034))
	})
}

// TestWidths: below MirrorOffset only aligned 32-bit accesses count, above it reads
// are those of memory, and the configuration space takes any access.
func TestWidths(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{virtiotest.Echo{Config: [20]byte{1, 2, 3, 4, 5, 6, 7, 8}}}
		b := newBoard(t, dev, w)
		b.set(regStatus, statusAcknowledge)
		for _, tc := range []struct {
			off  uint64
			want []byte
		}{
			{0x000, []byte{0}}, {0x000, []byte{0, 0}}, {0x000, make([]byte, 8)}, {0x001, make([]byte, 4)}, {0x002, make([]byte, 4)},
			{0x070, []byte{1}}, {0x06f, []byte{0, 1}}, {0x070, []byte{1, 0, 0, 0, 0, 0, 0, 0}},
			{0x05e, make([]byte, 4)}, {0x05c, make([]byte, 8)},
			{0x101, []byte{2}}, {0x101, []byte{2, 3}}, {0x103, []byte{4, 5, 6, 7}}, {0x100, []byte{1, 2, 3, 4, 5, 6, 7, 8}},
			{0x0fe, []byte{0, 0, 1, 2}}, {0x1fe, make([]byte, 4)}, {0x1fc, make([]byte, 8)}, {0x1000, make([]byte, 4)},
		} {
			got := make([]byte, len(tc.want))
			for i := range got {
				got[i] = 0xaa
			}
			b.read(tc.off, got)
			require.Equal(t, tc.want, got, "%d bytes at %#x", len(got), tc.off)
		}
		for _, p := range [][]byte{{2}, {2, 0}, make([]byte, 8), {2, 0, 0, 0, 0, 0, 0, 0}} {
			b.write(regStatus, p)
			require.EqualValues(t, statusAcknowledge, b.get(regStatus))
		}
		b.write(regStatus+2, make([]byte, 4))
		b.write(regStatus-4, make([]byte, 8))
		require.EqualValues(t, statusAcknowledge, b.get(regStatus))
		require.Zero(t, dev.Resets())

		b.write(0x10a, []byte{9})
		b.write(0x10b, []byte{8, 7})
		b.write(0x10d, []byte{6, 5, 4, 3})
		b.write(0x1ff, []byte{1, 2, 3, 4})
		b.write(0x200, []byte{1, 2, 3, 4})
		b.write(1<<63, []byte{1, 2, 3, 4})
		b.read(1<<64-1, make([]byte, 8))
		require.Equal(t, []byte{0, 0, 9, 8, 7, 6, 5, 4, 3, 0}, dev.Config[8:18])
		got := make([]byte, 8)
		b.read(0x10a, got)
		require.Equal(t, []byte{9, 8, 7, 6, 5, 4, 3, 0}, got)

		// Two registers on both sides of the mirror's beginning.
		l := &linux{board: b}
		l.probe(virtio.IDConsole, ^uint64(0))
		l.Transport.interrupt.Store(interruptQueue)
		b.read(0x05c, got)
		require.Equal(t, []byte{0, 0, 0, 0, interruptQueue, 0, 0, 0}, got)
		b.read(0x05e, got[:4])
		require.Equal(t, []byte{0, 0, interruptQueue, 0}, got[:4])
		b.write(0x060, binary.LittleEndian.AppendUint64(nil, interruptQueue<<32))
		require.EqualValues(t, interruptQueue, b.get(0x060), "acknowledged by half of a wide write")
		b.write(0x05c, make([]byte, 8))
		require.EqualValues(t, 15, b.get(regStatus))
	})
}

// TestNew refuses what cannot work.
func TestNew(t *testing.T) {
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	wire := func(change func(*Wiring)) Wiring {
		w := Wiring{Memory: a.Memory(), Kicks: []int{-1, -1}, Interrupt: -1}
		change(&w)
		return w
	}
	for _, tc := range []struct {
		name string
		dev  virtio.Device
		wire Wiring
		want string
	}{
		{"kicks", &echo{}, wire(func(w *Wiring) { w.Kicks = w.Kicks[:1] }), "1 kick descriptors for 2 queues"},
		{"memory", &echo{}, wire(func(w *Wiring) { w.Memory = nil }), "no guest memory"},
		{"short mirror", &echo{}, wire(func(w *Wiring) { w.Mirror = make([]byte, 4000) }), "mirror of 4000 bytes"},
		{"mirror at an odd address", &echo{}, wire(func(w *Wiring) { w.Mirror = make([]byte, 4097)[1:] }), "mirror: "},
		{"old device", &remote{rings: virtio.FeatureIndirectDesc}, wire(func(*Wiring) {}), "VIRTIO_F_VERSION_1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(tc.dev, tc.wire)
			require.ErrorContains(t, err, "carrying a virtio device: ")
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// TestAllocations: what happens for each interrupt and each kick allocates nothing.
func TestAllocations(t *testing.T) {
	b := newBoard(t, &echo{}, wiring{})
	c := call{b.Transport}
	p, ack := make([]byte, 4), []byte{1, 0, 0, 0}
	kick := make([]byte, 4)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_ = c.Signal()
		b.Read(regInterruptStatus, p)
		b.Write(regInterruptACK, ack)
		b.Write(QueueNotify, kick)
		b.Read(regStatus, p)
		b.Read(regConfigGeneration, p)
	}))
	require.Zero(t, b.get(regInterruptStatus))
}

// TestNoLock: an interrupt is read, acknowledged and raised, and a queue kicked,
// while something else holds the transport's lock.
func TestNoLock(t *testing.T) {
	b := newBoard(t, &echo{}, wiring{})
	b.mu.Lock()
	defer b.mu.Unlock()
	virtiotest.Within(t, "an access", func() {
		require.NoError(t, call{b.Transport}.Signal())
		require.EqualValues(t, interruptQueue, b.get(regInterruptStatus))
		b.set(regInterruptACK, interruptQueue)
		require.Zero(t, b.get(regInterruptStatus))
		b.set(QueueNotify, 1)
		require.Zero(t, b.get(regStatus))
	})
	require.True(t, b.interrupted(0))
	require.True(t, taken(b.wire.Kicks[1], 0))
}

// TestNotify: the kick of a queue that does not exist goes nowhere, and a counter
// that is full holds nobody up.
func TestNotify(t *testing.T) {
	b := newBoard(t, &echo{}, wiring{})
	for _, i := range []uint32{2, 1 << 31, 1<<32 - 1} {
		b.set(QueueNotify, i)
	}
	require.False(t, taken(b.wire.Kicks[0], 0))
	require.False(t, taken(b.wire.Kicks[1], 0))
	full := binary.NativeEndian.AppendUint64(nil, 1<<64-2)
	for _, fd := range []int{b.wire.Kicks[1], b.wire.Interrupt} {
		_, err := unix.Write(fd, full)
		require.NoError(t, err)
	}
	virtiotest.Within(t, "a signal", func() {
		b.set(QueueNotify, 1)
		require.NoError(t, call{b.Transport}.Signal())
	})
}

// TestPageWords: the mirror's words are where the guest looks for them.
func TestPageWords(t *testing.T) {
	mem := newMirror(t)
	p, err := newPage(mem)
	require.NoError(t, err)
	for i, w := range p.words {
		w.Store(uint32(i) * 0x01020304)
	}
	for i := range p.words {
		require.Equal(t, uint32(i)*0x01020304, binary.LittleEndian.Uint32(mem[4*i:]))
	}
	m, err := guestmem.New(guestmem.Region{Addr: MirrorOffset, Mem: mem})
	require.NoError(t, err)
	for off := uint64(MirrorOffset); off < Size+8; off++ {
		for n := uint64(1); n <= 8; n++ {
			got := make([]byte, n)
			p.read(off, got)
			want, err := m.Slice(off, n)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
}
