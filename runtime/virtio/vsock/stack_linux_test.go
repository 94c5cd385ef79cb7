// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// stack is a guest with sockets, about as Linux has them. It checks that the device
// keeps to the credit it is given, and tests read from it what they need to know.
type stack struct {
	t  testing.TB
	g  *guest
	wg sync.WaitGroup

	mu      sync.Mutex
	room    sync.Cond // for descriptors to transmit
	sockets map[ports]*socket
	accept  map[uint32]func(*socket) // by port of the guest
	port    uint32
	closed  bool
	buffer  uint32 // of each socket for what it receives, in bytes
	txUsed  [64]virtqtest.Done

	rxHeader header // of the packet at hand
	rxUsed   [64]virtqtest.Done
}

// guestBuffer is a socket's receive buffer in bytes, as large as Linux has it if a
// program does not change that.
const guestBuffer = 256 << 10

// socket is a stream socket of the guest.
type socket struct {
	s     *stack
	ports ports
	cond  sync.Cond // stack.mu

	open, reset bool
	peerShut    uint32
	shut        uint32
	sink        bool // data is counted and dropped

	buf       []byte
	received  uint32
	forwarded uint32
	told      uint32 // forwarded, as the host last heard

	peerAlloc, peerForwarded, sent uint32
}

func newStack(t testing.TB, o guestOptions) *stack {
	if o.rxCount == 0 {
		o.rxCount = 60
	}
	g := newGuest(t, o)
	s := &stack{t: t, g: g, sockets: make(map[ports]*socket), accept: make(map[uint32]func(*socket)), port: 50000, buffer: guestBuffer}
	s.room.L = &s.mu
	s.wg.Add(2)
	go s.receive()
	go s.reap()
	t.Cleanup(s.close)
	return s
}

// close ends the guest's programs: sockets are reset, and there are no new ones.
func (s *stack) close() {
	s.mu.Lock()
	s.closed = true
	s.room.Broadcast()
	s.mu.Unlock()
	s.reset()
	s.wg.Wait()
}

// reset makes the guest forget its sockets, as it does when its driver is reset.
func (s *stack) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, c := range s.sockets {
		c.reset = true
		c.cond.Broadcast()
		delete(s.sockets, p)
	}
}

// failf reports a broken rule from any goroutine.
func (s *stack) failf(format string, args ...any) { s.t.Errorf(format, args...) }

func (s *stack) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// reap frees what the device has transmitted.
func (s *stack) reap() {
	defer s.wg.Done()
	for !s.done() {
		s.g.tx.Sleep(20 * time.Millisecond)
		s.mu.Lock()
		s.reapLocked()
		s.mu.Unlock()
	}
}

func (s *stack) reapLocked() {
	for {
		n, err := s.g.tx.Reap(s.txUsed[:])
		if err != nil {
			s.failf("%v", err)
		}
		if n > 0 {
			s.g.free(s.txUsed[:n])
			s.room.Broadcast()
			continue
		}
		if !s.g.tx.EnableInterrupts() {
			return
		}
	}
}

// transmit sends a packet. Called with mu held, which it may let go meanwhile.
func (s *stack) transmit(h header, payload []byte) {
	h.length = uint32(len(payload))
	for !s.closed {
		for i := range s.g.txBuf {
			b := &s.g.txBuf[i]
			if b.busy {
				continue
			}
			writeHeader(&h, []guestmem.Segment{guestmem.SegmentOf(b.mem)})
			copy(b.mem[headerSize:], payload)
			bufs := [2]virtqtest.Buffer{
				{Addr: b.buf.Addr, Len: headerSize},
				{Addr: b.buf.Addr + headerSize, Len: h.length},
			}
			n := 2
			if h.length == 0 {
				n = 1
			}
			head, err := s.g.tx.Add(bufs[:n]...)
			if err != nil {
				s.failf("%v", err)
			}
			b.head, b.busy = head, true
			s.g.tx.Kick()
			return
		}
		s.reapLocked()
		for i := range s.g.txBuf {
			if !s.g.txBuf[i].busy {
				goto again
			}
		}
		s.room.Wait()
	again:
	}
}

// receive takes packets from the device.
func (s *stack) receive() {
	defer s.wg.Done()
	rx := s.g.rx
	for !s.done() {
		rx.Sleep(20 * time.Millisecond)
		for {
			n, err := rx.Reap(s.rxUsed[:])
			if err != nil {
				s.failf("%v", err)
			}
			if n == 0 {
				if rx.EnableInterrupts() {
					continue
				}
				break
			}
			s.g.take(s.rxUsed[:n])
			for _, p := range s.g.got {
				s.packet(p)
				s.g.addRx(p.rxBuffer)
			}
			s.g.got = s.g.got[:0]
			rx.Kick()
		}
	}
}

func (s *stack) packet(p packet) {
	h := &s.rxHeader
	readHeader(h, p.mem)
	if p.written != headerSize+int(h.length) || h.srcCID != HostCID || h.dstCID != testCID || h.socketType != typeStream {
		s.failf("bad packet %+v in %d bytes", *h, p.written)
	}
	var space [8]guestmem.Segment
	payload, _ := appendPayload(space[:0], p.mem, int(h.length))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatch(h, payload)
}

func (s *stack) dispatch(h *header, payload []guestmem.Segment) {
	p := ports{host: h.srcPort, guest: h.dstPort}
	c := s.sockets[p]
	if s.closed {
		return
	}
	if c == nil {
		accept := s.accept[p.guest]
		switch {
		case h.op == opRequest && accept != nil:
			c = s.newSocket(p)
			c.open = true
			c.learn(h)
			c.send(opResponse, 0, nil)
			s.wg.Add(1)
			go func() { defer s.wg.Done(); accept(c) }()
		case h.op != opReset:
			s.transmit(packetTo(opReset, p.host, p.guest), nil)
		}
		return
	}
	c.learn(h)
	switch h.op {
	case opResponse:
		c.open = true
	case opReset:
		c.reset = true
		delete(s.sockets, p)
	case opShutdown:
		c.peerShut |= h.flags
		if c.peerShut == shutBoth && len(c.buf) == 0 {
			c.send(opReset, 0, nil)
			c.reset = true
			delete(s.sockets, p)
		}
	case opData:
		c.data(h, payload)
	case opCreditRequest:
		c.send(opCreditUpdate, 0, nil)
	case opCreditUpdate:
	default:
		s.failf("bad packet %+v", h)
	}
	c.cond.Broadcast()
}

func (c *socket) learn(h *header) { c.peerAlloc, c.peerForwarded = h.bufAlloc, h.fwdCount }

func (c *socket) data(h *header, payload []guestmem.Segment) {
	if c.received += h.length; c.received-c.told > c.s.buffer {
		c.s.failf("the device exceeds its credit by %d", c.received-c.told-c.s.buffer)
	}
	if c.peerShut&shutSend != 0 {
		c.s.failf("the device sends data after its end")
	}
	if c.sink {
		c.forwarded += h.length
	} else {
		for _, s := range payload {
			c.buf = append(c.buf, s.Bytes()...)
		}
	}
	c.update()
}

// update tells the host about credit as Linux does: when what it thinks is free is
// less than the largest packet.
func (c *socket) update() {
	if c.s.buffer-(c.received-c.told) < 64<<10 && c.told != c.forwarded {
		c.send(opCreditUpdate, 0, nil)
	}
}

func (c *socket) send(op operation, flags uint32, payload []byte) {
	h := packetTo(op, c.ports.host, c.ports.guest)
	h.flags = flags
	h.bufAlloc = c.s.buffer
	h.fwdCount = c.forwarded
	c.told = c.forwarded
	c.s.transmit(h, payload)
}

func (s *stack) newSocket(p ports) *socket {
	c := &socket{s: s, ports: p}
	c.cond.L = &s.mu
	s.sockets[p] = c
	return c
}

// listen accepts connections on a port of the guest, each on a goroutine.
func (s *stack) listen(port uint32, accept func(*socket)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accept[port] = accept
}

// dial connects to a port of the host.
func (s *stack) dial(port uint32) (*socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fmt.Errorf("dialing the host's port %d: %w", port, syscall.ENETDOWN)
	}
	s.port++
	c := s.newSocket(ports{host: port, guest: s.port})
	c.send(opRequest, 0, nil)
	for !c.open && !c.reset {
		c.cond.Wait()
	}
	if c.reset {
		return nil, fmt.Errorf("dialing the host's port %d: %w", port, syscall.ECONNREFUSED)
	}
	return c, nil
}

func (c *socket) Read(b []byte) (int, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for len(c.buf) == 0 {
		switch {
		case c.peerShut&shutSend != 0:
			return 0, io.EOF
		case c.reset:
			return 0, syscall.ECONNRESET
		}
		c.cond.Wait()
	}
	n := copy(b, c.buf)
	c.buf = c.buf[n:]
	c.forwarded += uint32(n)
	c.update()
	return n, nil
}

func (c *socket) Write(b []byte) (done int, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for len(b) > 0 {
		// No more than it could receive itself, as Linux has it.
		free := int(min(c.peerAlloc, c.s.buffer)) - int(c.sent-c.peerForwarded)
		switch {
		case c.reset || c.peerShut&shutReceive != 0:
			return done, syscall.EPIPE
		case free <= 0:
			c.cond.Wait()
			continue
		}
		n := min(free, len(b), 64<<10)
		c.sent += uint32(n)
		c.send(opData, 0, b[:n])
		b = b[n:]
		done += n
	}
	return done, nil
}

func (c *socket) CloseWrite() { c.shutdown(shutSend) }

func (c *socket) shutdown(flags uint32) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.shut|flags != c.shut && !c.reset {
		c.shut |= flags
		c.send(opShutdown, c.shut, nil)
	}
}

// Close closes both directions and waits for the host to acknowledge.
func (c *socket) Close() error {
	c.shutdown(shutBoth)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for !c.reset {
		c.cond.Wait()
	}
	return nil
}

// withStack runs test with the ways in which guests lay out their buffers.
func withStack(t *testing.T, test func(t *testing.T, s *stack)) {
	for _, v := range []struct {
		name string
		o    guestOptions
	}{
		{"header and page", guestOptions{}},
		{"one buffer", guestOptions{rxSizes: []uint32{4096 + headerSize}}},
		{"event index, indirect", guestOptions{queue: virtq.Options{EventIdx: true, Indirect: true}}},
		{"64 KiB in pages", guestOptions{rxSizes: []uint32{30, 4096, 4096, 4096, 4096, 4096, 4096, 4096}, rxCount: 16}},
		{"few small buffers", guestOptions{rxSizes: []uint32{44, 100}, rxCount: 2}},
	} {
		t.Run(v.name, func(t *testing.T) { test(t, newStack(t, v.o)) })
	}
}

func mustDial(t testing.TB, s *stack, port uint32) *socket {
	c, err := s.dial(port)
	require.NoError(t, err)
	return c
}
