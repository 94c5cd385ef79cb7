// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// emptyRoot makes an empty read-only file system the root of every thread, and
// leaves the host's behind. Files that are open stay open.
func emptyRoot(folder string) error {
	if err := ownMounts(); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	const flags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("empty", folder, "tmpfs", flags, "mode=0555,size=4k,nr_inodes=2"); err != nil {
		return fmt.Errorf("mounting an empty root: %w", err)
	}
	// pivot_root(".", ".") stacks the old root on the new one, where it is detached
	// (pivot_root(2), NOTES). It moves all threads that had the old one.
	if err := unix.Chdir(folder); err != nil {
		return fmt.Errorf("entering the empty root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("entering the empty root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	return unix.Chdir("/")
}

// ownMounts makes sure that the mounts are not those of the parent, that is, of the
// whole host. A parent whose namespace cannot be read is in another user namespace.
func ownMounts() error {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	parents, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", os.Getppid()))
	if err == nil && parents == own {
		return errShared
	}
	return nil
}
