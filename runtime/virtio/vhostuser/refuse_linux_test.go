// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq"
)

// hostile is one message that a Backend must refuse, sent to one on which queue 0
// runs, with 256 descriptors, and queue 1 does not.
type hostile struct {
	name  string
	req   request
	body  []byte
	files int // descriptors to send: of the guest's memory, or kind
	kind  func(t *testing.T, g *guest) int
	log   string // what the log must name as the reason
}

func memoryFile(_ *testing.T, g *guest) int { return g.fds[0] }

func newEventfd(t *testing.T, _ *guest) int {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func newPipe(t *testing.T, _ *guest) int {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	return int(w.Fd())
}

func newSocket(t *testing.T, _ *guest) int {
	ours, theirs, err := socketPair()
	require.NoError(t, err)
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return int(theirs.Fd())
}

func readOnlyFile(t *testing.T, g *guest) int {
	f, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return int(f.Fd())
}

// parserCases turns what the parser must refuse into messages.
func parserCases() (cases []hostile) {
	for _, tc := range requestCases {
		if tc.err != "" && tc.files <= maxRegions {
			cases = append(cases, hostile{name: tc.name, req: tc.req, body: tc.body, files: tc.files, kind: memoryFile, log: tc.err})
		}
	}
	return cases
}

var stateCases = []hostile{
	{name: "features not offered", req: setFeatures, body: longs(1 << 63), log: "were not offered"},
	{name: "other features while running", req: setFeatures, body: longs(queueFeatures), log: "the ring is running"},
	{name: "protocol features not offered", req: setProtocolFeatures, body: longs(offeredProtocol | 1<<14), log: "were not offered"},
	{name: "queue out of range", req: setVringNum, body: words(3, 64), log: "queue 3, the device has 3"},
	{name: "queue far out of range", req: setVringAddr, body: append(words(math.MaxUint32, 0), longs(0, 0, 0, 0)...), log: "the device has 3"},
	{name: "kick of a queue out of range", req: setVringKick, body: longs(255), files: 1, kind: newEventfd, log: "queue 255"},
	{name: "size 0", req: setVringNum, body: words(1, 0), log: "not a power of two"},
	{name: "size not a power of two", req: setVringNum, body: words(1, 100), log: "not a power of two"},
	{name: "size beyond the device's", req: setVringNum, body: words(2, 128), log: "takes at most 64"},
	{name: "size that is 0 in 16 bits", req: setVringNum, body: words(1, 1<<16), log: "takes at most 256"},
	{name: "size while running", req: setVringNum, body: words(0, 128), log: "the ring is running"},
	{name: "addresses while running", req: setVringAddr, body: append(words(0, 0), longs(1, 2, 3, 0)...), log: "the ring is running"},
	{name: "base while running", req: setVringBase, body: words(0, 0), log: "the ring is running"},
	{name: "base of more than 16 bits", req: setVringBase, body: words(1, 1<<16), log: "more than 16 bits"},
	{name: "enabled with 2", req: setVringEnable, body: words(1, 2), log: "neither 0 nor 1"},
	{name: "polling for kicks", req: setVringKick, body: longs(0x101), log: "polling for kicks is not supported"},
	{name: "kick is a socket", req: setVringKick, body: longs(1), files: 1, kind: newSocket, log: "must be an eventfd"},
	{name: "kick is a file", req: setVringKick, body: longs(1), files: 1, kind: memoryFile, log: "neither an eventfd nor a socket"},
	{name: "call is a pipe", req: setVringCall, body: longs(1), files: 1, kind: newPipe, log: "neither an eventfd nor a socket"},
	{name: "error is a file", req: setVringErr, body: longs(1), files: 1, kind: memoryFile, log: "neither an eventfd nor a socket"},
	{name: "channel is an eventfd", req: setBackendChannel, files: 1, kind: newEventfd, log: "not a socket"},
	{name: "migration's configuration", req: setConfig, body: config(0, 1, 1, 0), log: "only a guest's writes"},
	{name: "memory beyond the file", req: setMemTable, body: table(1, 0, 1<<40, 0, 0), files: 1, kind: memoryFile, log: "beyond the file's end"},
	{name: "memory that is no file", req: setMemTable, body: table(1, 0, 4096, 0, 0), files: 1, kind: newEventfd, log: "mmap"},
	{name: "memory that is read-only", req: setMemTable, body: table(1, 0, 4096, 0, 0), files: 1, kind: readOnlyFile, log: "mmap"},
	{name: "guest addresses overlap", req: setMemTable, body: table(2, 0, 0x2000, 0, 0, 0x1000, 0x1000, 0x9000, 0), files: 2, kind: memoryFile, log: "guest addresses"},
	{name: "user addresses overlap", req: setMemTable, body: table(2, 0, 0x2000, 0, 0, 0x9000, 0x1000, 0x1000, 0), files: 2, kind: memoryFile, log: "user addresses"},
	{name: "same region twice", req: setMemTable, body: table(2, 0, 0x1000, 0, 0, 0, 0x1000, 0, 0), files: 2, kind: memoryFile, log: "overlaps"},
}

// TestRefused sends each hostile message twice: asking for a reply, which must be
// a refusal that harms nothing, and not asking, which must end the connection.
func TestRefused(t *testing.T) {
	for _, tc := range append(parserCases(), stateCases...) {
		t.Run(tc.name, func(t *testing.T) {
			log := &logBuffer{}
			dev, _, path := startBackend(t, log.logger())
			g := newGuest(t, umlRegions())
			q := g.addQueue(256, allOptions, true)
			f := dial(t, path)
			g.connectUML(f)
			q.roundTrip("before")

			var fds []int
			for range tc.files {
				fds = append(fds, tc.kind(t, g))
			}
			before := countFiles(t)
			p := raw{tc.body, tc.files}
			if !tc.req.hasAnswer() {
				require.ErrorIs(t, f.tell(tc.req, p, fds...), ErrRefused)
				log.wait(t, tc.log)
				q.roundTrip("after")
				starts, resets := dev.counts()
				require.Equal(t, [2]int{1, 0}, [2]int{starts, resets}, "starts and resets")
				require.Equal(t, before, countFiles(t), "descriptors")
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
			f2 := dial(t, path)
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
			return f.SetFeatures(queueFeatures | FeatureProtocol)
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
			before := countFiles(t)
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
			require.Equal(t, before, countFiles(t), "descriptors")
		})
	}
}
