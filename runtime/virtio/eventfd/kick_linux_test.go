// SPDX-License-Identifier: MIT OR Apache-2.0

package eventfd

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// within wants f to return soon.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal(what, "has not returned")
	}
}

func newEventfd(t *testing.T, flags int) int {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|flags)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}

func TestKickWait(t *testing.T) {
	fd := newEventfd(t, 0)
	require.NoError(t, Signal(fd)) // before anybody listens
	k, err := NewKick(fd)
	require.NoError(t, err)
	defer k.Release()
	within(t, "Wait", func() { require.NoError(t, k.Wait()) })

	woken := make(chan error)
	go func() {
		for {
			err := k.Wait()
			woken <- err
			if err != nil {
				return
			}
		}
	}()
	for range 1000 {
		require.NoError(t, Signal(fd))
		require.NoError(t, <-woken)
	}
	select {
	case <-woken:
		t.Fatal("woken without a kick")
	case <-time.After(20 * time.Millisecond):
	}
	require.NoError(t, k.Close())
	require.Equal(t, io.EOF, <-woken)
	require.Equal(t, io.EOF, k.Wait())
	require.NoError(t, k.Close())
}

// TestKickHostile: the front end shares the eventfd and does with it what it likes.
func TestKickHostile(t *testing.T) {
	fd := newEventfd(t, unix.EFD_NONBLOCK)
	k, err := NewKick(fd)
	require.NoError(t, err)
	defer k.Release()
	// Both what makes a read block: an empty counter, and no O_NONBLOCK.
	require.NoError(t, unix.SetNonblock(fd, false))
	var wg sync.WaitGroup
	wg.Go(func() {
		for k.Wait() == nil {
		}
	})
	for range 1000 {
		require.NoError(t, Signal(fd))
		_, err := unix.Read(fd, make([]byte, 8))
		require.NoError(t, err)
	}
	// A counter that is full wakes nobody again, and blocks nobody either.
	_, err = unix.Write(fd, binary.NativeEndian.AppendUint64(nil, math.MaxUint64-1))
	require.NoError(t, err)
	require.NoError(t, k.Close())
	within(t, "Wait", wg.Wait)
}

func TestKickBadDescriptor(t *testing.T) {
	before := openFiles(t)
	_, err := NewKick(-1)
	require.ErrorContains(t, err, "epoll_ctl")
	require.Equal(t, before, openFiles(t))
}
