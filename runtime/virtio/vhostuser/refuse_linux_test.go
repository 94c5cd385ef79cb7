// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestRefused sends each hostile message twice: asking for a reply, which must be
// a refusal that harms nothing, and not asking, which must end the connection.
func TestRefused(t *testing.T) {
	for _, tc := range append(parserCases(), stateCases...) {
		t.Run(tc.name, func(t *testing.T) {
			log := &logBuffer{}
			dev, g, f := uml.use(t, log.logger(), 1)
			q := g.queues[0]
			q.roundTrip("before")

			var fds []int
			for range tc.files {
				fds = append(fds, tc.kind(t, g))
			}
			before := virtiotest.OpenFiles(t)
			p := raw{tc.body, tc.files}
			if !tc.req.hasAnswer() {
				require.ErrorIs(t, f.tell(tc.req, p, fds...), ErrRefused)
				log.wait(t, tc.log)
				q.roundTrip("after")
				starts, resets := dev.counts()
				require.Equal(t, [2]int{1, 0}, [2]int{starts, resets}, "starts and resets")
				require.Equal(t, before, virtiotest.OpenFiles(t), "descriptors")
			}

			f.protocol = 0 // from here on nobody replies
			require.NoError(t, f.tell(tc.req, p, fds...))
			if tc.req == getConfig {
				m, err := f.conn.receive()
				require.NoError(t, err)
				require.Zero(t, m.size, "size of the answer that stands for an error")
				q.roundTrip("after")
				return
			}
			_, err := f.conn.receive()
			require.Error(t, err)
			log.wait(t, tc.log)

			// The next front end finds nothing of this one.
			f2 := dial(t, f.conn.RemoteAddr().String())
			g2 := newGuest(t, qemuRegions())
			q2 := g2.addQueue(128, allOptions, false)
			g2.connectQEMU(f2)
			q2.roundTrip("next")
		})
	}
}

// TestBadHeader: a connection whose messages cannot be told apart any more ends,
// whether or not a reply was asked for.
func TestBadHeader(t *testing.T) {
	for _, tc := range []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"wrong version", words(1, 2|flagNeedReply, 0), "version 2"},
		{"oversized", words(5, version|flagNeedReply, math.MaxUint32), "payload of"},
		{"a reply", words(1, version|flagReply, 0), "a reply to no question"},
		{"cut in the header", words(1, version), "unexpected EOF"},
		{"cut before the payload", words(5, version, 8), "unexpected EOF"},
		{"cut in the payload", words(5, version, 8, 1), "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := &logBuffer{}
			_, _, path := startBackend(t, log.logger())
			f := dial(t, path)
			require.NoError(t, f.conn.write(tc.bytes, nil))
			require.NoError(t, f.conn.CloseWrite())
			_, err := f.conn.receive()
			require.Error(t, err)
			log.wait(t, tc.want)
		})
	}
}

// TestStartIncomplete: a ring that lacks something is not started.
func TestStartIncomplete(t *testing.T) {
	setUp := []struct {
		name string
		do   func(*guest, *guestQueue, *Frontend) error
		log  string
	}{
		{"features", func(g *guest, q *guestQueue, f *Frontend) error {
			return f.SetFeatures(virtio.QueueFeatures | FeatureProtocol)
		}, "VIRTIO_F_VERSION_1"},
		{"memory", func(g *guest, q *guestQueue, f *Frontend) error {
			return f.SetMemTable(g.regions, g.fds)
		}, "no memory table"},
		{"size", func(g *guest, q *guestQueue, f *Frontend) error { return f.SetVringNum(0, q.Layout().Size) }, "no size"},
		{"addresses", func(g *guest, q *guestQueue, f *Frontend) error { return f.SetVringAddr(0, q.addr) }, "no addresses"},
	}
	for _, missing := range setUp {
		t.Run(missing.name, func(t *testing.T) {
			log := &logBuffer{}
			_, _, path := startBackend(t, log.logger())
			g := newGuest(t, qemuRegions())
			q := g.addQueue(256, allOptions, false)
			f := dial(t, path)
			require.NoError(t, f.SetProtocolFeatures(ProtocolReplyAck))
			for _, step := range setUp {
				if step.name != missing.name {
					require.NoError(t, step.do(g, q, f))
				}
			}
			require.NoError(t, f.SetVringCall(0, q.call))
			require.NoError(t, f.SetVringKick(0, q.kick))
			require.ErrorIs(t, f.SetVringEnable(0, true), ErrRefused)
			log.wait(t, missing.log)
			// What was missing may still come.
			require.NoError(t, missing.do(g, q, f))
			require.NoError(t, f.SetVringEnable(0, true))
			q.roundTrip("complete")
		})
	}
}

// TestBadRing: rings that are not in memory, or cannot be.
func TestBadRing(t *testing.T) {
	for _, tc := range []struct {
		name string
		addr func(*VringAddr)
		base uint16
		log  string
	}{
		{"descriptors outside memory", func(a *VringAddr) { a.Desc = 16 }, 0, "in no memory region"},
		{"guest address for a user address", func(a *VringAddr) { a.Avail = 4 << 30 }, 0, "in no memory region"},
		{"used ring beyond memory", func(a *VringAddr) { a.Used = 0x7f12_5000_0000 + 4<<20 - 4 }, 0, "used ring"},
		{"across a gap of guest addresses", func(a *VringAddr) { a.Desc = 0x7f12_340a_0000 - 32 }, 0, "descriptor table"},
		{"misaligned", func(a *VringAddr) { a.Desc += 8 }, 0, "not aligned"},
		{"address that wraps", func(a *VringAddr) { a.Used = math.MaxUint64 - 3 }, 0, "in no memory region"},
		{"more in flight than the queue holds", func(*VringAddr) {}, 257, "257 chains in flight"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			log := &logBuffer{}
			_, _, path := startBackend(t, log.logger())
			g := newGuest(t, qemuRegions())
			q := g.addQueue(256, virtq.Options{}, false)
			good := q.addr
			tc.addr(&q.addr)
			f := dial(t, path)
			require.NoError(t, f.SetProtocolFeatures(ProtocolReplyAck))
			require.NoError(t, f.SetFeatures(FeatureProtocol|1<<32))
			g.setMemTable(f, false)
			require.NoError(t, f.SetVringNum(0, 256))
			require.NoError(t, f.SetVringAddr(0, q.addr))
			require.NoError(t, f.SetVringBase(0, tc.base))
			require.NoError(t, f.SetVringEnable(0, true))
			require.ErrorIs(t, f.SetVringKick(0, q.kick), ErrRefused)
			log.wait(t, tc.log)
			require.NoError(t, f.SetVringAddr(0, good))
			require.NoError(t, f.SetVringBase(0, 0))
			require.NoError(t, f.SetVringCall(0, q.call))
			require.NoError(t, f.SetVringKick(0, q.kick))
			q.roundTrip("mended")
		})
	}
}

// TestDescriptorFlood: whatever number of descriptors comes, with whatever part of
// a message, none is left.
func TestDescriptorFlood(t *testing.T) {
	for _, tc := range []struct {
		name string
		send func(t *testing.T, c *conn, fds []int)
	}{
		{"with one message", func(t *testing.T, c *conn, fds []int) {
			require.NoError(t, c.send(getFeatures, 0, none{}, fds...))
		}},
		{"with each byte", func(t *testing.T, c *conn, fds []int) {
			for _, b := range words(5, 1, 72, 1, 0) {
				if c.write([]byte{b}, fds[:2]) != nil {
					return // it has hung up already
				}
			}
		}},
		{"with half a message", func(t *testing.T, c *conn, fds []int) {
			require.NoError(t, c.write(words(5, 1, 72, 1), fds[:8]))
		}},
		{"with an unknown message", func(t *testing.T, c *conn, fds []int) {
			require.NoError(t, c.send(99, 0, none{}, fds[:8]...))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var fds []int
			g := newGuest(t, umlRegions())
			for range 250 {
				fds = append(fds, g.fds[0])
			}
			before := virtiotest.OpenFiles(t)
			ours, theirs := pairOfConns(t)
			served := make(chan error, 1)
			go func() { served <- NewBackend(&echo{}, nil).ServeConn(theirs) }()
			tc.send(t, newConn(ours), fds)
			_ = ours.CloseWrite()
			select {
			case err := <-served:
				require.Error(t, err)
			case <-time.After(patience):
				t.Fatal("still serving")
			}
			_ = ours.Close()
			require.Equal(t, before, virtiotest.OpenFiles(t), "descriptors")
		})
	}
}
