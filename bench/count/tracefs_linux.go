// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tracefs is where Linux has its file system of tracepoints, mounted or not
// (Documentation/trace/ftrace.rst).
const tracefs = "/sys/kernel/tracing"

// tracepointID returns the number of the tracepoint that every system call passes.
func tracepointID() (uint64, error) {
	id, err := readID(tracefs)
	if errors.Is(err, fs.ErrNotExist) {
		id, err = readIDPrivately(tracefs)
	}
	if err != nil {
		return 0, fmt.Errorf("finding the tracepoint raw_syscalls:sys_enter: %w", withRemedy(err))
	}
	return id, nil
}

// readID reads the number from a mounted tracefs.
func readID(mounted string) (uint64, error) {
	text, err := os.ReadFile(filepath.Join(mounted, "events/raw_syscalls/sys_enter/id"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

// readIDPrivately reads it where tracefs is not mounted, and leaves nothing mounted:
// a thread that has a mount namespace of its own mounts it on the folder, reads, and
// ends.
func readIDPrivately(folder string) (id uint64, err error) {
	onOwnThread(func() {
		if err = mountPrivately(folder); err == nil {
			id, err = readID(folder)
		}
	})
	return id, err
}

// onOwnThread runs f on a thread that ends with it, and with which ends whatever f
// made of it.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and not unlocked, so that Go ends the thread
		if unix.Gettid() == unix.Getpid() {
			// The first thread never ends. Held here, it is not taken again.
			defer runtime.UnlockOSThread()
			onOwnThread(f)
			return
		}
		f()
	}()
	<-done
}

// mountPrivately mounts tracefs for the calling thread alone.
func mountPrivately(folder string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("tracefs", folder, "tracefs", flags, ""); err != nil {
		return fmt.Errorf("mounting tracefs: %w", err)
	}
	return nil
}
