// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
)

// produceName is the name under which this test program writes pseudo-random bytes.
const produceName = "arcbox-test-produce"

var seed = [32]byte{'b', 'u', 'l', 'k'}

// produce writes as many bytes as its argument says.
func produce() {
	n, err := strconv.ParseInt(os.Args[1], 10, 64)
	if err == nil {
		_, err = io.CopyN(os.Stdout, rand.NewChaCha8(seed), n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bulkSize is what the tests move, in bytes.
func bulkSize() int64 {
	if testing.Short() {
		return 256 << 20
	}
	return 1 << 30
}

// digest is a writer that keeps nothing.
type digest struct {
	hash.Hash
	n    int64
	peak uint64 // the largest heap that it saw, in bytes
}

func newDigest() *digest {
	runtime.GC() // of what other tests left
	return &digest{Hash: sha256.New()}
}

func (d *digest) Write(p []byte) (int, error) {
	d.n += int64(len(p))
	if d.n%(64<<20) < int64(len(p)) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		d.peak = max(d.peak, m.HeapInuse)
	}
	return d.Hash.Write(p)
}

func (d *digest) sum() string { return hex.EncodeToString(d.Sum(nil)) }

// maxHeap bounds the heap of host and agent together while they move any number of
// bytes.
const maxHeap = 32 << 20

func expected(n int64) string {
	d := newDigest()
	io.CopyN(d.Hash, rand.NewChaCha8(seed), n)
	return d.sum()
}

func TestBulkOutput(t *testing.T) {
	c := startAgent(t).connect(t)
	n := bulkSize()
	got := newDigest()
	p, err := c.Start(soon(t), client.ExecConfig{
		Args:   []string{"/bin/sh", "-c", `exec "$0" "$@"`, produceLink(t), strconv.FormatInt(n, 10)},
		Stdout: got,
	})
	require.NoError(t, err)
	status, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.Zero(t, status)
	require.Equal(t, n, got.n)
	require.Equal(t, expected(n), got.sum())
	require.Less(t, got.peak, uint64(maxHeap))
}

// TestBulkBothWays sends bytes through a process.
func TestBulkBothWays(t *testing.T) {
	c := startAgent(t).connect(t)
	n := bulkSize() / 4
	got := newDigest()
	p, err := c.Start(soon(t), client.ExecConfig{
		Args:   []string{"cat"},
		Stdin:  io.LimitReader(rand.NewChaCha8(seed), n),
		Stdout: got,
	})
	require.NoError(t, err)
	status, err := p.Wait(t.Context())
	require.NoError(t, err)
	require.Zero(t, status)
	require.Equal(t, n, got.n)
	require.Equal(t, expected(n), got.sum())
	require.Less(t, got.peak, uint64(maxHeap))
}

// produceLink is a path by which this test program knows what to do.
func produceLink(t *testing.T) string {
	path := t.TempDir() + "/" + produceName
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, path))
	return path
}
