// SPDX-License-Identifier: MIT OR Apache-2.0

// Package cachetest makes disks that fill up, for tests.
package cachetest

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk returns an empty folder on which no file can have more than so many
// bytes. With the right to mount it is a file system of that size, which only the
// calling goroutine sees; otherwise it is a limit on this process's files until
// the test ends.
func SmallDisk(t testing.TB, bytes uint64) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() == 0 && mountSmall(t, dir, bytes) == nil {
		return dir
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatalf("reading the limit on files: %v", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: old.Max}); err != nil {
		t.Fatalf("limiting files: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Errorf("lifting the limit on files: %v", err)
		}
	})
	return dir
}

// mountSmall mounts a file system on dir in a mount namespace of this thread's
// own. The thread is never unlocked, so it ends with the goroutine.
func mountSmall(t testing.TB, dir string, bytes uint64) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting a small disk: %v", err)
		}
	})
	return nil
}
