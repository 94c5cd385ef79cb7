// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
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

func newEventfd(t *testing.T, _ *guest) int { return virtiotest.Eventfd(t, 0) }

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
	{name: "other features while running", req: setFeatures, body: longs(virtio.QueueFeatures), log: "the ring is running"},
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
