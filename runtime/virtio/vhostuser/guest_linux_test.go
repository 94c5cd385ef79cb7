// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// guest is memory with queues in it, as a front end has them.
type guest struct {
	t       testing.TB
	file    *os.File
	regions []MemRegion
	fds     []int
	memory  *guestmem.Memory
	arena   *virtqtest.Arena
	queues  []*guestQueue
	closing sync.Once
}

// guestQueue is one queue of a guest, with the guest's ends of its signals.
type guestQueue struct {
	*virtqtest.Driver
	t        testing.TB
	addr     VringAddr
	kick     int
	call     int // the end that is passed on
	callEnd  int // the end that is read; the same for an eventfd
	in, out  []byte
	inB, ouB virtqtest.Buffer
	closing  sync.Once
}

// newGuest makes guest memory from regions of one file.
func newGuest(t testing.TB, regions []MemRegion) *guest {
	fd, err := unix.MemfdCreate("vhostuser-test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	g := &guest{t: t, file: os.NewFile(uintptr(fd), "vhostuser-test"), regions: regions}
	var mapped []guestmem.Region
	for _, r := range regions {
		end := int64(r.Offset + r.Size)
		st, err := g.file.Stat()
		require.NoError(t, err)
		if st.Size() < end {
			require.NoError(t, g.file.Truncate(end))
		}
		mem, err := guestmem.MapFile(fd, int64(r.Offset), r.Size)
		require.NoError(t, err)
		mapped = append(mapped, guestmem.Region{Addr: r.GuestAddr, Mem: mem})
		g.fds = append(g.fds, fd)
	}
	g.memory, err = guestmem.New(mapped...)
	require.NoError(t, err)
	last := regions[len(regions)-1]
	g.arena, err = virtqtest.NewArena(g.memory, last.GuestAddr, last.Size)
	require.NoError(t, err)
	t.Cleanup(g.close)
	return g
}

func (g *guest) close() { g.closing.Do(g.release) }

func (g *guest) release() {
	for _, q := range g.queues {
		q.closeSignals()
	}
	for _, r := range g.memory.Regions() {
		_ = guestmem.Unmap(r.Mem)
	}
	_ = g.file.Close()
}

// addQueue lays out a queue whose interrupt is a socket or an eventfd.
func (g *guest) addQueue(size uint16, o virtq.Options, socket bool) *guestQueue {
	q := &guestQueue{t: g.t}
	q.openSignals(socket)
	var err error
	q.Driver, err = virtqtest.NewDriver(g.arena, size, virtqtest.Options{Options: o, Kick: func() {
		require.NoError(g.t, eventfd.Signal(q.kick))
	}})
	require.NoError(g.t, err)
	q.EnableInterrupts()
	q.inB, q.in, err = g.arena.Buffer(64, false)
	require.NoError(g.t, err)
	q.ouB, q.out, err = g.arena.Buffer(64, true)
	require.NoError(g.t, err)
	l := q.Layout()
	q.addr = VringAddr{Desc: g.user(l.Desc), Used: g.user(l.Used), Avail: g.user(l.Avail)}
	g.queues = append(g.queues, q)
	return q
}

// user translates a guest address.
func (g *guest) user(addr uint64) uint64 {
	for _, r := range g.regions {
		if addr-r.GuestAddr < r.Size {
			return addr - r.GuestAddr + r.UserAddr
		}
	}
	g.t.Fatalf("address %#x is in no region", addr)
	return 0
}

func (q *guestQueue) openSignals(socket bool) {
	var err error
	q.kick, err = unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(q.t, err)
	if !socket {
		q.call, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		require.NoError(q.t, err)
		q.callEnd = q.call
		return
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(q.t, err)
	q.call, q.callEnd = pair[0], pair[1]
}

func (q *guestQueue) closeSignals() {
	q.closing.Do(func() {
		_ = unix.Close(q.kick)
		_ = unix.Close(q.call)
		if q.callEnd != q.call {
			_ = unix.Close(q.callEnd)
		}
	})
}

// roundTrip sends text to the echo device and wants it back, with an interrupt.
func (q *guestQueue) roundTrip(text string) {
	q.t.Helper()
	require.NoError(q.t, q.tryRoundTrip(text))
}

func (q *guestQueue) tryRoundTrip(text string) error {
	clear(q.out)
	copy(q.in, text)
	in := q.inB
	in.Len = uint32(len(text))
	head, err := q.Add(in, q.ouB)
	if err != nil {
		return err
	}
	q.Kick()
	done := make([]virtqtest.Done, 1)
	for {
		n, err := q.Reap(done)
		if err != nil {
			return err
		}
		if n == 1 {
			break
		}
		if q.EnableInterrupts() {
			continue
		}
		if !virtiotest.Readable(q.callEnd, patience) {
			return fmt.Errorf("no interrupt within %v", patience)
		}
		drainSignal(q.callEnd)
	}
	if want := (virtqtest.Done{Head: head, Written: in.Len}); done[0] != want {
		return fmt.Errorf("used %+v, want %+v", done[0], want)
	}
	if got := string(q.out[:len(text)]); got != text {
		return fmt.Errorf("echo of %q is %q", text, got)
	}
	return nil
}

// drainSignal reads all that was signalled on a non-blocking descriptor.
func drainSignal(fd int) {
	b := make([]byte, 4096)
	for {
		if n, err := unix.Read(fd, b); n <= 0 && err != unix.EINTR {
			return
		}
	}
}
