// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

func TestOpenFileRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	for _, test := range []struct {
		name, path string
		class      error
		text       string
	}{
		{"missing", filepath.Join(dir, "none"), errdefs.ErrNotFound, "no such file"},
		{"folder", dir, errdefs.ErrInvalid, "is a directory"},
		{"FIFO", fifo, errdefs.ErrInvalid, "neither a regular file nor a block device"},
		{"device", "/dev/null", errdefs.ErrInvalid, "neither a regular file nor a block device"},
		{"empty", write("empty", 0), errdefs.ErrInvalid, "not a multiple of 512"},
		{"odd size", write("odd", 1000), errdefs.ErrInvalid, "1000 bytes is not a multiple of 512"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := OpenFile(test.path, false)
			require.Nil(t, f)
			require.ErrorIs(t, err, test.class)
			require.ErrorContains(t, err, test.path)
			require.ErrorContains(t, err, test.text)
		})
	}
}

func TestLocks(t *testing.T) {
	path := image(t, testSize)
	for _, test := range []struct {
		name          string
		first, second bool // read-only
		ok            bool
	}{
		{"two writers", false, false, false},
		{"writer and reader", false, true, false},
		{"reader and writer", true, false, false},
		{"two readers", true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			first := openFile(t, path, test.first)
			second, err := OpenFile(path, test.second)
			if test.ok {
				require.NoError(t, err)
				require.NoError(t, second.Close())
			} else {
				require.ErrorIs(t, err, errdefs.ErrUnavailable)
				require.ErrorContains(t, err, path)
			}
			require.NoError(t, first.Close())
			again := openFile(t, path, test.second)
			require.NoError(t, again.Close())
		})
	}
}

// TestZeroFallback: what a file system without fallocate is left to do.
func TestZeroFallback(t *testing.T) {
	const size = 6 << 20 // more than a call writes
	path := image(t, size)
	f := openFile(t, path, false)
	defer f.Close()
	require.NoError(t, f.zero(512, size-1024))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, pattern(0, 512), got[:512])
	require.Equal(t, make([]byte, size-1024), got[512:size-512])
	require.Equal(t, pattern(size-512, 512), got[size-512:])
}

func TestCannot(t *testing.T) {
	require.True(t, cannot(syscall.EOPNOTSUPP))
	require.False(t, cannot(syscall.EIO))
	require.False(t, cannot(nil))
}

// TestDiscardFreesSpace: a hole is given back to the host.
func TestDiscardFreesSpace(t *testing.T) {
	path := image(t, testSize)
	f := openFile(t, path, false)
	defer f.Close()
	blocks := func() int64 {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(path, &st))
		return st.Blocks
	}
	require.NoError(t, f.Flush())
	before := blocks()
	require.NoError(t, f.Discard(0, testSize/2))
	require.Less(t, blocks(), before)
	require.NoError(t, f.WriteZeroes(testSize/2, testSize/2, true))
	require.Less(t, blocks(), before/4)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, testSize, info.Size())
}

// TestBlockDevice uses a loop device if the host lets the test make one.
func TestBlockDevice(t *testing.T) {
	loop := loopDevice(t, image(t, testSize))
	f := openFile(t, loop, false)
	d := newDriver(t, f, Options{}, allFeatures)
	require.EqualValues(t, testSize, f.Size())
	want := bytes.Repeat([]byte{7}, 4096)
	d.must(kindOut, 16, want, 0)
	require.Equal(t, want, d.must(kindIn, 16, nil, 4096))
	d.must(kindFlush, 0, nil, 0)
	d.must(kindWriteZeroes, 0, ranges(segment{sector: 16, sectors: 4}), 0)
	d.must(kindWriteZeroes, 0, ranges(segment{sector: 21, sectors: 1, flags: flagUnmap}), 0)
	d.must(kindDiscard, 0, ranges(segment{sector: 0, sectors: 8}), 0)
	clear(want[:2048])
	clear(want[2560:3072])
	require.Equal(t, want, d.must(kindIn, 16, nil, 4096))
	_, err := OpenFile(loop, true)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
}

// loopDevice attaches a loop device to a file until the test ends.
func loopDevice(t *testing.T, path string) string {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no loop devices here: %v", err)
	}
	defer control.Close()
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		t.Skipf("no loop devices here: %v", err)
	}
	name := fmt.Sprintf("/dev/loop%d", n)
	loop, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no loop devices here: %v", err)
	}
	backing, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer backing.Close()
	if err := unix.IoctlSetInt(int(loop.Fd()), unix.LOOP_SET_FD, int(backing.Fd())); err != nil {
		loop.Close()
		t.Skipf("no loop devices here: %v", err)
	}
	t.Cleanup(func() {
		require.NoError(t, unix.IoctlSetInt(int(loop.Fd()), unix.LOOP_CLR_FD, 0))
		loop.Close()
	})
	return name
}
