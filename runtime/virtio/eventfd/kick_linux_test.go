// SPDX-License-Identifier: MIT OR Apache-2.0

package eventfd

import (
	"encoding/binary"
	"io"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestKickWait(t *testing.T) {
	fd := virtiotest.Eventfd(t, 0)
	require.NoError(t, Signal(fd)) // before anybody listens
	k, err := NewKick(fd)
	require.NoError(t, err)
	defer k.Release()
	virtiotest.Within(t, "Wait", func() { require.NoError(t, k.Wait()) })

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
	fd := virtiotest.Eventfd(t, unix.EFD_NONBLOCK)
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
	virtiotest.Within(t, "Wait", wg.Wait)
}

func TestKickBadDescriptor(t *testing.T) {
	before := virtiotest.OpenFiles(t)
	_, err := NewKick(-1)
	require.ErrorContains(t, err, "epoll_ctl")
	require.Equal(t, before, virtiotest.OpenFiles(t))
}
