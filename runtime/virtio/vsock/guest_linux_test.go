// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	testCID  = 42
	testWait = 10 * time.Second
)

// ring is one queue of the guest.
type ring struct {
	*virtiotest.Ring
	Arena *virtqtest.Arena
}

func newRing(t testing.TB, a *virtqtest.Arena, size uint16, o virtq.Options) *ring {
	r, err := virtiotest.NewRing(a, size, o)
	require.NoError(t, err)
	return &ring{r, a}
}

// reap returns used chains, and waits for one if there is none. It returns none
// when the time is up.
func (r *ring) reap(t testing.TB, wait time.Duration) []virtqtest.Done {
	done, err := r.Wait(wait)
	require.NoError(t, err)
	return done
}

// guest is a driver of the device that sends and receives single packets. It is for
// one goroutine, except that its two queues are independent of each other.
type guest struct {
	t      testing.TB
	dev    *Device
	rx, tx *ring

	rxBuf map[uint16]*rxBuffer // by head, while the device has it
	txBuf []txBuffer
	got   []packet // reaped from rx and not looked at yet
	done  [64]virtqtest.Done
	hold  bool // receive buffers are not given back
}

// rxBuffer is memory for one packet to receive.
type rxBuffer struct {
	bufs []virtqtest.Buffer
	mem  []guestmem.Segment
}

// packet is a receive buffer that the device has used.
type packet struct {
	*rxBuffer
	written int // bytes
}

// txBuffer is memory for one packet to send.
type txBuffer struct {
	buf  virtqtest.Buffer
	mem  []byte
	head uint16
	busy bool
}

// guestOptions vary how a guest uses its queues.
type guestOptions struct {
	queue   virtq.Options
	rxSizes []uint32 // buffers of a receive chain in bytes; default 44, 4096
	rxCount int      // receive chains; default 32
	txSize  uint32   // largest packet to send with its header; default 64 KiB and 44
	dev     Options
}

// newGuest makes a device and a guest that drives it, until the test ends.
func newGuest(t testing.TB, o guestOptions) *guest {
	g := newIdleGuest(t, o)
	g.start()
	return g
}

// newIdleGuest is newGuest before the guest's driver is up.
func newIdleGuest(t testing.TB, o guestOptions) *guest {
	dev := New(testCID, o.dev)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	return attachGuest(t, dev, o)
}

// attachGuest makes a guest for a device whose queues do not run.
func attachGuest(t testing.TB, dev *Device, o guestOptions) *guest {
	if o.rxSizes == nil {
		o.rxSizes = []uint32{headerSize, 4096}
	}
	if o.rxCount == 0 {
		o.rxCount = 32
	}
	if o.txSize == 0 {
		o.txSize = 64<<10 + headerSize
	}
	const txCount = 16
	size := uint64(o.txSize) * txCount
	for _, n := range o.rxSizes {
		size += uint64(o.rxCount) * uint64(n+64)
	}
	a, err := virtqtest.NewMemory(size + 1<<20)
	require.NoError(t, err)
	g := &guest{
		t: t, dev: dev,
		rx:    newRing(t, a, queueSize, o.queue),
		tx:    newRing(t, a, queueSize, o.queue),
		rxBuf: make(map[uint16]*rxBuffer),
	}
	for range txCount {
		b, mem, err := a.Buffer(o.txSize, false)
		require.NoError(t, err)
		g.txBuf = append(g.txBuf, txBuffer{buf: b, mem: mem})
	}
	for range o.rxCount {
		rx := &rxBuffer{}
		for _, n := range o.rxSizes {
			b, mem, err := a.Buffer(n, true)
			require.NoError(t, err)
			rx.bufs = append(rx.bufs, b)
			rx.mem = append(rx.mem, guestmem.SegmentOf(mem))
		}
		g.addRx(rx)
	}
	t.Cleanup(g.stop)
	return g
}

func (g *guest) start() {
	require.NoError(g.t, g.dev.StartQueue(queueRx, g.rx.Queue, 0))
	require.NoError(g.t, g.dev.StartQueue(queueTx, g.tx.Queue, 0))
	g.rx.Kick()
}

func (g *guest) stop() {
	g.dev.StopQueue(queueRx)
	g.dev.StopQueue(queueTx)
	g.dev.Reset()
}

// addRx makes a receive buffer available.
func (g *guest) addRx(b *rxBuffer) {
	head, err := g.rx.Add(b.bufs...)
	if err != nil {
		g.t.Errorf("adding a receive buffer: %v", err)
	}
	g.rxBuf[head] = b
}

// take collects the buffers of used chains, before any of their heads is used again.
func (g *guest) take(done []virtqtest.Done) {
	for _, d := range done {
		g.got = append(g.got, packet{g.rxBuf[d.Head], int(d.Written)})
		delete(g.rxBuf, d.Head)
	}
}

// packetTo is a header of this guest.
func packetTo(op operation, hostPort, guestPort uint32) header {
	return header{
		srcCID: testCID, dstCID: HostCID, srcPort: guestPort, dstPort: hostPort,
		socketType: typeStream, op: op, bufAlloc: 256 << 10,
	}
}

// send sends a packet; where the header's length is 0 it is that of the payload.
func (g *guest) send(h header, payload ...byte) {
	if h.length == 0 {
		h.length = uint32(len(payload))
	}
	g.sendSplit(h, payload)
}

// sendSplit sends a packet whose first descriptors have the given lengths.
func (g *guest) sendSplit(h header, payload []byte, lengths ...uint32) {
	b := g.txBuffer()
	require.LessOrEqual(g.t, headerSize+len(payload), len(b.mem))
	writeHeader(&h, guestmem.Segments(b.mem))
	copy(b.mem[headerSize:], payload)
	rest := b.buf
	rest.Len = uint32(headerSize + len(payload))
	var bufs []virtqtest.Buffer
	for _, n := range lengths {
		bufs = append(bufs, virtqtest.Buffer{Addr: rest.Addr, Len: n})
		rest.Addr += uint64(n)
		rest.Len -= n
	}
	if rest.Len > 0 {
		bufs = append(bufs, rest)
	}
	g.sendChain(b, bufs)
}

func (g *guest) sendChain(b *txBuffer, bufs []virtqtest.Buffer) {
	head, err := g.tx.Add(bufs...)
	require.NoError(g.t, err)
	b.head, b.busy = head, true
	g.tx.Kick()
}

// txBuffer returns a free buffer, for which it waits until the device has used one.
func (g *guest) txBuffer() *txBuffer {
	for {
		for i := range g.txBuf {
			if !g.txBuf[i].busy {
				return &g.txBuf[i]
			}
		}
		done := g.tx.reap(g.t, testWait)
		require.NotEmpty(g.t, done, "the device does not use what was sent")
		g.free(done)
	}
}

func (g *guest) free(done []virtqtest.Done) {
	for _, d := range done {
		require.Zero(g.t, d.Written)
		for i := range g.txBuf {
			if g.txBuf[i].busy && g.txBuf[i].head == d.Head {
				g.txBuf[i].busy = false
			}
		}
	}
}

// settle waits until the device has used all that was sent.
func (g *guest) settle() {
	for i := range g.txBuf {
		for g.txBuf[i].busy {
			done := g.tx.reap(g.t, testWait)
			require.NotEmpty(g.t, done, "the device does not use what was sent")
			g.free(done)
		}
	}
}

// poll returns the next packet, or false if none comes in time. The buffer goes
// back to the device, unless g.hold is set.
func (g *guest) poll(wait time.Duration) (h header, payload []byte, ok bool) {
	if len(g.got) == 0 {
		g.take(g.rx.reap(g.t, wait))
	}
	if len(g.got) == 0 {
		return h, nil, false
	}
	p := g.got[0]
	g.got = g.got[1:]
	require.GreaterOrEqual(g.t, p.written, headerSize)
	require.True(g.t, readHeader(&h, p.mem))
	data, n := appendPayload(nil, p.mem, p.written-headerSize)
	require.Equal(g.t, int(h.length), n, "length in the header, and in the used ring")
	for _, s := range data {
		payload = append(payload, s.Bytes()...)
	}
	require.EqualValues(g.t, HostCID, h.srcCID)
	require.EqualValues(g.t, testCID, h.dstCID)
	if !g.hold {
		g.addRx(p.rxBuffer)
		g.rx.Kick()
	}
	return h, payload, true
}

// expect returns the next packet, which must have this operation.
func (g *guest) expect(op operation) (header, []byte) {
	g.t.Helper()
	h, payload, ok := g.poll(testWait)
	require.True(g.t, ok, "no packet, want operation %d", op)
	require.Equal(g.t, op, h.op, "operation of %+v", h)
	return h, payload
}

// quiet checks that no packet comes for a while.
func (g *guest) quiet() {
	g.t.Helper()
	h, _, ok := g.poll(30 * time.Millisecond)
	require.False(g.t, ok, "unexpected packet %+v", h)
}

// connect opens a connection from the guest and returns the host's end.
func (g *guest) connect(l *acceptor, guestPort uint32) io.ReadWriteCloser {
	g.t.Helper()
	g.send(packetTo(opRequest, l.port, guestPort))
	g.expect(opResponse)
	return l.accept(g.t)
}

// openFiles counts the process's descriptors.
func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
