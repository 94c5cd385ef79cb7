// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
)

func TestMain(m *testing.M) {
	if path, ok := os.LookupEnv(serveDisk); ok {
		diskProcess(path) // which does not return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// echo is a device that copies what is readable to what is writable.
type echo struct {
	mu      sync.Mutex
	config  [20]byte
	changed func()
	resets  int
	starts  int
	queues  [3]*echoQueue
}

type echoQueue struct {
	*virtio.Queue
	done chan struct{}
}

const echoFeature = 1 << 5

func (*echo) ID() virtio.DeviceID  { return virtio.IDConsole }
func (*echo) Features() uint64     { return echoFeature }
func (*echo) QueueSizes() []uint16 { return []uint16{256, 256, 64} }
func (*echo) Close() error         { return nil }

func (d *echo) ReadConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(p, d.config[min(int(off), len(d.config)):])
}

func (d *echo) WriteConfig(off uint32, p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.config[min(int(off), len(d.config)):], p)
}

func (d *echo) OnConfigChange(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = f
}

func (d *echo) StartQueue(i int, q *virtio.Queue, _ uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.queues[i] != nil {
		return fmt.Errorf("queue %d was started twice", i)
	}
	e := &echoQueue{q, make(chan struct{})}
	d.queues[i] = e
	d.starts++
	go func() {
		defer close(e.done)
		_ = q.Run(func(chains []virtq.Chain) {
			for i := range chains {
				q.Push(chains[i].Head, copyChain(&chains[i]))
			}
		})
	}()
	return nil
}

func copyChain(c *virtq.Chain) (written uint32) {
	data := make([]byte, c.ReadableLen())
	guestmem.Gather(data, c.Readable())
	return uint32(guestmem.Scatter(c.Writable(), data))
}

func (d *echo) StopQueue(i int) {
	d.mu.Lock()
	q := d.queues[i]
	d.queues[i] = nil
	d.mu.Unlock()
	if q != nil {
		q.Stop()
		<-q.done
	}
}

func (d *echo) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resets++
}

// counts returns how often queues were started and the device was reset.
func (d *echo) counts() (starts, resets int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.starts, d.resets
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
		if !readable(q.callEnd, patience) {
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

// readable waits until fd is.
func readable(fd int, timeout time.Duration) bool {
	for end := time.Now().Add(timeout); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(end).Milliseconds())))
		if err != unix.EINTR {
			return n > 0
		}
	}
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

// umlRegions are those of User-Mode Linux: one, with all addresses equal.
func umlRegions() []MemRegion {
	return []MemRegion{{GuestAddr: 0x5000, UserAddr: 0x5000, Offset: 0x5000, Size: 4 << 20}}
}

// qemuRegions are like those of a PC: below and above the hole, mapped elsewhere.
func qemuRegions() []MemRegion {
	return []MemRegion{
		{GuestAddr: 0, UserAddr: 0x7f12_3400_0000, Offset: 0, Size: 640 << 10},
		{GuestAddr: 0xc0000, UserAddr: 0x7f12_340c_0000, Offset: 0xc0000, Size: 1 << 20},
		{GuestAddr: 4 << 30, UserAddr: 0x7f12_5000_0000, Offset: 2 << 20, Size: 4 << 20},
	}
}

const queueFeatures = virtio.FeatureVersion1 | virtio.FeatureEventIdx | virtio.FeatureIndirectDesc

// connectUML does what virtio_uml does in the order in which it does so.
func (g *guest) connectUML(f *Frontend) {
	t := g.t
	require.NoError(t, f.SetOwner())
	features, err := f.Features()
	require.NoError(t, err)
	require.Equal(t, uint64(queueFeatures|FeatureProtocol|echoFeature), features)
	protocol, err := f.ProtocolFeatures()
	require.NoError(t, err)
	protocol &= ProtocolReplyAck | ProtocolBackendChannel | ProtocolConfig
	require.NoError(t, f.SetProtocolFeatures(protocol))
	require.NoError(t, f.OpenChannel(func() {}))
	require.NoError(t, f.SetFeatures(features))
	require.NoError(t, f.Config(0, make([]byte, 1)))
	require.NoError(t, f.Config(0, make([]byte, 7)))
	g.setMemTable(f, true)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringCall(i, q.call))
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringAddr(i, q.addr))
	}
	for i, q := range g.queues {
		require.NoError(t, f.SetVringKick(i, q.kick))
		require.NoError(t, f.SetVringEnable(i, true))
	}
}

// enable enables or disables all queues.
func (g *guest) enable(f *Frontend, enabled bool) {
	for i := range g.queues {
		require.NoError(g.t, f.SetVringEnable(i, enabled))
	}
}

// setMemTable sends the memory table, padded as virtio_uml does it.
func (g *guest) setMemTable(f *Frontend, padded bool) {
	if !padded {
		require.NoError(g.t, f.SetMemTable(g.regions, g.fds))
		return
	}
	b := memTable(g.regions).append(nil)
	p := raw{append(b, make([]byte, memRegionSize)...), len(g.regions)}
	require.NoError(g.t, f.tell(setMemTable, p, g.fds...))
}

// connectQEMU does what QEMU does in the order in which it does so.
func (g *guest) connectQEMU(f *Frontend) {
	t := g.t
	features, err := f.Features()
	require.NoError(t, err)
	protocol, err := f.ProtocolFeatures()
	require.NoError(t, err)
	require.NoError(t, f.SetProtocolFeatures(protocol))
	n, err := f.QueueNum()
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, f.OpenChannel(func() {}))
	require.NoError(t, f.SetOwner())
	features, err = f.Features()
	require.NoError(t, err)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringCall(i, q.call))
	}
	require.NoError(t, f.Config(0, make([]byte, 20)))
	require.NoError(t, f.SetFeatures(features))
	g.setMemTable(f, false)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringAddr(i, q.addr))
		require.NoError(t, f.SetVringKick(i, q.kick))
		require.NoError(t, f.SetVringCall(i, q.call))
	}
	for i := range g.queues {
		require.NoError(t, f.SetVringEnable(i, true))
	}
}

// connectBare is the least that a front end can do: no protocol features, so that
// rings start enabled.
func (g *guest) connectBare(f *Frontend) {
	t := g.t
	require.NoError(t, f.SetOwner())
	require.NoError(t, f.SetFeatures(queueFeatures))
	g.setMemTable(f, false)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringAddr(i, q.addr))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringCall(i, q.call))
		require.NoError(t, f.SetVringKick(i, q.kick))
	}
	// Nothing above has waited for the back end.
	_, err := f.Features()
	require.NoError(t, err)
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

// countFiles returns the number of descriptors that are open.
func countFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// countMappings returns the number of mappings of guest memory.
func countMappings(t testing.TB) int {
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return bytes.Count(maps, []byte("vhostuser-test"))
}

// logBuffer is a log to look into.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait wants a text in the log, soon.
func (l *logBuffer) wait(t testing.TB, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(l.String(), text) }, patience, time.Millisecond,
		"no %q in the log", text)
}
