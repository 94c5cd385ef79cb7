// SPDX-License-Identifier: MIT OR Apache-2.0

package iovec

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
)

// numbered is n bytes that tell where they are.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8)
	}
	return b
}

// pieces cuts b into pieces, with an empty one after each.
func pieces(b []byte, size int) (out []guestmem.Segment) {
	for p := range slices.Chunk(b, size) {
		out = append(out, guestmem.SegmentOf(p), guestmem.Segment{})
	}
	return out
}

func tempFile(t *testing.T) *os.File {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFile(t *testing.T) {
	const size = 10000
	want := numbered(size)
	for _, cut := range []int{1, 7, 100, size/Max - 1, size / Max, size/Max + 1, size} {
		f := tempFile(t)
		n, err := Pwritev(int(f.Fd()), pieces(want, cut), 123)
		require.NoError(t, err)
		require.Equal(t, size, n)
		got := make([]byte, size)
		n, err = Preadv(int(f.Fd()), pieces(got, cut), 123)
		require.NoError(t, err)
		require.Equal(t, size, n)
		require.True(t, bytes.Equal(want, got), "pieces of %d", cut)
	}
}

func TestFileErrors(t *testing.T) {
	f := tempFile(t)
	require.NoError(t, f.Truncate(100))
	fd := int(f.Fd())
	n, err := Preadv(fd, pieces(make([]byte, 60), 7), 50)
	require.Equal(t, io.ErrUnexpectedEOF, err)
	require.Equal(t, 50, n)
	n, err = Preadv(fd, nil, 0)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = Preadv(-1, guestmem.Segments(make([]byte, 1)), 0)
	require.ErrorIs(t, err, unix.EBADF)
	_, err = Preadv(fd, guestmem.Segments(make([]byte, 1)), math.MinInt64)
	require.ErrorIs(t, err, unix.EINVAL)
}

// TestGoneMemory: buffers whose pages are gone are an error, not a fault.
func TestGoneMemory(t *testing.T) {
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Ftruncate(fd, 8192))
	gone, err := unix.Mmap(fd, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	defer unix.Munmap(gone)
	require.NoError(t, unix.Ftruncate(fd, 0))

	f := tempFile(t)
	require.NoError(t, f.Truncate(4096))
	_, err = Pwritev(int(f.Fd()), guestmem.Segments(gone), 0)
	require.ErrorIs(t, err, unix.EFAULT)
	_, err = Preadv(int(f.Fd()), guestmem.Segments(gone[:4096]), 0)
	require.ErrorIs(t, err, unix.EFAULT)
	x, y := socketPair(t)
	_, err = Send(x, guestmem.Segments(gone), 0)
	require.ErrorIs(t, err, unix.EFAULT)
	_, err = Send(y, guestmem.Segments([]byte("data")), 0)
	require.NoError(t, err)
	_, err = Recv(x, guestmem.Segments(gone))
	require.ErrorIs(t, err, unix.EFAULT)
}

func socketPair(t testing.TB) (x, y int) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		unix.Close(pair[0])
		unix.Close(pair[1])
	})
	return pair[0], pair[1]
}

func TestSocket(t *testing.T) {
	x, y := socketPair(t)
	buf := make([]byte, 1000)
	_, err := Recv(y, guestmem.Segments(buf))
	require.ErrorIs(t, err, unix.EAGAIN)

	want := numbered(500)
	for _, skip := range []int{0, 1, 10, 25, 499} {
		segs := pieces(want, 20)
		before := slices.Clone(segs)
		n, err := Send(x, segs, skip)
		require.NoError(t, err)
		require.Equal(t, before, segs, "left as they were")
		require.Equal(t, 500-skip, n)
		n, err = Recv(y, pieces(buf, 33))
		require.NoError(t, err)
		require.Equal(t, want[skip:], buf[:n])
	}
	// A call sends Max segments at most.
	n, err := Send(x, guestmem.Segments(slices.Collect(slices.Chunk(want, 1))...), 0)
	require.NoError(t, err)
	require.Equal(t, Max, n)
	for _, read := range []struct{ room, want int }{{8, 8}, {10, 10}, {Max, Max - 18}} {
		n, err = Recv(y, guestmem.Segments(buf[:7], buf[7:read.room]))
		require.NoError(t, err)
		require.Equal(t, read.want, n)
	}
}

func TestSocketEnds(t *testing.T) {
	x, y := socketPair(t)
	for {
		if _, err := Send(x, guestmem.Segments(make([]byte, 10000)), 0); err != nil {
			require.ErrorIs(t, err, unix.EAGAIN)
			break
		}
	}
	require.NoError(t, unix.Shutdown(x, unix.SHUT_WR))
	buf := guestmem.Segments(make([]byte, 1<<20))
	for {
		n, err := Recv(y, buf)
		require.NoError(t, err)
		if n == 0 {
			break
		}
	}
	// No signal comes of it: it would end the test.
	_, err := Send(x, buf, 0)
	require.ErrorIs(t, err, unix.EPIPE)
	// Nothing to read into is not the end of the stream.
	_, err = Recv(y, nil)
	require.ErrorIs(t, err, unix.EINVAL)
	_, err = Recv(y, guestmem.Segments(nil))
	require.ErrorIs(t, err, unix.EINVAL)
}

func TestNoAllocations(t *testing.T) {
	f := tempFile(t)
	fd := int(f.Fd())
	x, y := socketPair(t)
	bufs := pieces(make([]byte, 10000), 100)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = Pwritev(fd, bufs, 0)
		_, _ = Preadv(fd, bufs, 0)
		_, _ = Preadv(fd, bufs, 1)
		_, _ = Send(x, bufs, 0)
		_, _ = Recv(y, bufs)
		_, _ = Recv(y, bufs)
	}))
}
