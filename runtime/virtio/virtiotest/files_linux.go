// SPDX-License-Identifier: MIT OR Apache-2.0

package virtiotest

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// Eventfd makes an eventfd with flags, until the test ends.
func Eventfd(t testing.TB, flags int) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// Readable waits until fd is, for limit at most.
func Readable(fd int, limit time.Duration) bool {
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(max(0, time.Until(end).Milliseconds())))
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// OpenFiles counts this process's descriptors.
func OpenFiles(t testing.TB) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// FileMemory makes guest memory of a file of size bytes, from address 0 on, until the
// test ends. takeAway cuts the file short: who touches the memory from then on faults.
func FileMemory(t testing.TB, size uint64) (a *virtqtest.Arena, takeAway func() error) {
	t.Helper()
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "guest")
	t.Cleanup(func() { _ = f.Close() })
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	mem, err := guestmem.MapFile(fd, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guestmem.Unmap(mem) })
	m, err := guestmem.New(guestmem.Region{Mem: mem})
	if err != nil {
		t.Fatal(err)
	}
	a, err = virtqtest.NewArena(m, 0, size)
	if err != nil {
		t.Fatal(err)
	}
	return a, func() error { return f.Truncate(0) }
}
