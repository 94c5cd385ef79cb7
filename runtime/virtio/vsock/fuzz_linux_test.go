// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// Steps of a fuzzed conversation.
const (
	stepPacket  = iota // a packet with fields that make some sense
	stepRaw            // 44 bytes of header as they come
	stepAccept         // the host takes a connection and writes to it
	stepRead           // the host reads what there is
	stepShut           // the host closes for writing
	stepClose          // the host closes
	stepDial           // the host dials
	stepHold           // the guest keeps its receive buffers, or gives them back
	stepRestart        // the queues are stopped and started
	stepShort          // a chain that is no packet
	steps
)

// script reads a conversation from bytes.
type script []byte

func (s *script) byte() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

func (s *script) take(n int) []byte {
	b := make([]byte, n)
	*s = (*s)[copy(b, *s):]
	return b
}

// sizes are lengths and counts that matter to credit.
var sizes = [...]uint32{0, 1, 2, 43, 44, 100, 4096, smallWindow, startWindow - 1, startWindow, startWindow + 1, largeWindow,
	1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1}

func (s *script) size() uint32 { return sizes[int(s.byte())%len(sizes)] }

// packet has ports 1 to 4 on both sides, so that packets meet connections.
func (s *script) packet() (h header, payload []byte) {
	ports := s.byte()
	h = packetTo(operation(s.byte()%9), 1+uint32(ports&3), 1+uint32(ports>>2&3))
	if ports&16 != 0 {
		h.dstPort = firstPort + 1 + uint32(ports&3) // where dials come from
	}
	h.flags = uint32(s.byte())
	h.bufAlloc, h.fwdCount = s.size(), s.size()
	payload = make([]byte, min(s.size(), 4096))
	h.length = uint32(len(payload))
	if mangle := s.byte(); mangle&7 == 7 {
		h.length = s.size()
	} else if mangle&15 == 14 {
		h.socketType = uint16(s.byte())
	}
	return h, payload
}

// FuzzGuestPackets lets a guest and a host do anything in any order. The invariants:
// no panic and no hang, only well-formed packets to the guest (the harness checks
// them), bounded memory, and a device that serves the next connection as if nothing
// had happened.
func FuzzGuestPackets(f *testing.F) {
	packet := func(ports byte, op operation, flags, alloc, forwarded, payload, mangle byte, more ...byte) []byte {
		return append([]byte{stepPacket, ports, byte(op), flags, alloc, forwarded, payload, mangle}, more...)
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	request := packet(0, opRequest, 0, 9, 0, 0, 0)
	f.Add(join(request, []byte{stepAccept}, packet(0, opData, 0, 9, 5, 5, 0), []byte{stepRead, stepClose}))
	f.Add(join(request, request))                                                                     // twice
	f.Add(join(request, packet(0, opResponse, 0, 9, 0, 0, 0)))                                        // response to open
	f.Add(join(request, packet(0, opData, 0, 9, 0, 5, 7, 15)))                                        // length beyond the chain
	f.Add(join(request, packet(0, opData, 0, 9, 0, 0, 7, 3)))                                         // length without payload
	f.Add(join(request, []byte{stepAccept}, packet(0, opCreditUpdate, 0, 15, 15, 0, 0)))              // nonsensical credit
	f.Add(join(request, []byte{stepAccept}, packet(0, opShutdown, 3, 9, 0, 0, 0)))                    // close
	f.Add(join(request, packet(0, opShutdown, 2, 9, 0, 0, 0), packet(0, opData, 0, 9, 0, 1, 0)))      // data after the end
	f.Add(join(request, packet(0, opShutdown, 1, 9, 0, 0, 0), packet(0, opShutdown, 2, 9, 0, 0, 0)))  // one after the other
	f.Add(join(request, []byte{stepAccept, stepClose}, packet(0, opReset, 0, 9, 0, 0, 0)))            // host first
	f.Add(join(request, []byte{stepAccept, stepShut}, packet(0, opShutdown, 3, 9, 0, 0, 0)))          // half first
	f.Add(join(request, packet(0, opData, 0, 0, 0, 0, 14, 2)))                                        // other type
	f.Add(join([]byte{stepDial}, packet(16, opResponse, 0, 9, 0, 0, 0), []byte{stepRead, stepClose})) // dial
	f.Add(join([]byte{stepDial}, packet(16, opReset, 0, 9, 0, 0, 0)))                                 // refused
	f.Add(join([]byte{stepDial}, packet(16, opData, 0, 9, 0, 1, 0)))                                  // data first
	f.Add(join([]byte{stepHold}, request, []byte{stepAccept}, packet(0, opCreditRequest, 0, 9, 0, 0, 0), []byte{stepHold}))
	f.Add(join(request, []byte{stepAccept, stepRestart}, request, []byte{stepDial, stepRestart}))
	f.Add(join([]byte{stepShort, 3, stepShort, 44, stepRaw}, make([]byte, 44)))
	f.Add(join(request, packet(0, opData, 0, 9, 0, 10, 0), packet(0, opData, 0, 9, 0, 10, 0), packet(0, opReset, 0, 0, 0, 0, 0)))

	f.Fuzz(func(t *testing.T, data []byte) {
		g := newGuest(t, guestOptions{rxCount: 8, txSize: 8 << 10, dev: Options{MaxConns: 16, WindowBudget: 4 * startWindow}})
		l := listen(t, g.dev, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var mu sync.Mutex
		var hosts []*net.UnixConn
		keep := func(c *net.UnixConn) {
			c.SetDeadline(time.Now().Add(testWait))
			mu.Lock()
			hosts = append(hosts, c)
			mu.Unlock()
		}
		any := func(do func(c *net.UnixConn)) {
			mu.Lock()
			defer mu.Unlock()
			if len(hosts) > 0 {
				do(hosts[len(hosts)-1])
			}
		}
		var held []*rxBuffer
		s := script(data)
		for n := 0; len(s) > 0 && n < 100; n++ {
			switch s.byte() % steps {
			case stepPacket:
				h, payload := s.packet()
				g.sendSplit(h, payload)
			case stepRaw:
				var h header
				readHeader(&h, guestmem.Segments(s.take(headerSize)))
				g.sendSplit(h, nil)
			case stepShort:
				b := g.txBuffer()
				g.sendChain(b, []virtqtest.Buffer{{Addr: b.buf.Addr, Len: 1 + uint32(s.byte())%headerSize}})
			case stepAccept:
				select {
				case in := <-l.Listener.(*Listener).queue:
					c, err := unixConn(in.fd)
					require.NoError(t, err)
					keep(c)
					c.SetWriteDeadline(time.Now().Add(time.Millisecond))
					c.Write(make([]byte, 10000))
				default:
				}
			case stepRead:
				any(func(c *net.UnixConn) {
					c.SetReadDeadline(time.Now().Add(time.Millisecond))
					c.Read(make([]byte, 100000))
				})
			case stepShut:
				any(func(c *net.UnixConn) { c.CloseWrite() })
			case stepClose:
				any(func(c *net.UnixConn) { c.Close(); hosts = hosts[:len(hosts)-1] })
			case stepDial:
				port := uint32(s.byte())
				wg.Go(func() {
					if c, err := g.dev.Dial(ctx, port); err == nil {
						keep(c)
					}
				})
			case stepHold:
				g.hold = !g.hold
				for _, b := range held {
					g.addRx(b)
				}
				held = nil
				g.rx.Kick()
			case stepRestart:
				g.settle()
				g.stop()
				g.restart()
			}
			held = append(held, g.discard()...)
		}
		g.settle()
		require.LessOrEqual(t, int(g.dev.line.waiting.Load()), maxResets+3*16)
		cancel()
		wg.Wait()
		for _, c := range hosts {
			c.Close()
		}

		// All over, and once more.
		g.stop()
		require.Zero(t, g.dev.Counters()["connections"])
		require.Zero(t, g.dev.granted)
		for _, b := range append(held, g.discard()...) {
			g.addRx(b)
		}
		g.hold = false
		g.restart()
		g.rx.Kick()
		l.Close()
		l = listen(t, g.dev, 1)
		g.send(packetTo(opRequest, 1, 99))
		for {
			if h, _, ok := g.poll(testWait); !ok {
				t.Fatal("the device does not answer any more")
			} else if h.dstPort == 99 && h.op == opResponse {
				break
			}
		}
		c := l.accept(t)
		g.send(packetTo(opData, 1, 99), 'x')
		require.Equal(t, "x", string(readAll(t, c, 1)))
	})
}

// discard takes the packets that have come, and returns their buffers if they are
// not to be given back.
func (g *guest) discard() (held []*rxBuffer) {
	for {
		if len(g.got) == 0 {
			n, err := g.rx.Reap(g.done[:])
			require.NoError(g.t, err)
			if n == 0 {
				return held
			}
			g.take(g.done[:n])
		}
		b := g.got[0].rxBuffer
		if _, _, ok := g.poll(0); ok && g.hold {
			held = append(held, b)
		}
	}
}
