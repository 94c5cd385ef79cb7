// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package boot brings a guest up, as far as an init has to, and down again.
package boot

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const hardened = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV

// filesystem is one that a guest has from the start.
type filesystem struct {
	target, kind string
	flags        uintptr
	data         string
}

var filesystems = []filesystem{
	{"/dev", "devtmpfs", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=755"},
	{"/sys", "sysfs", hardened, ""},
	{"/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	{"/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	{"/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"},
	{"/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	{CgroupRoot, "cgroup2", hardened, ""},
}

// CgroupRoot is where the cgroup2 hierarchy is mounted.
const CgroupRoot = "/sys/fs/cgroup"

// MountProc mounts /proc, which the start itself needs.
func MountProc() error {
	return filesystem{"/proc", "proc", hardened, ""}.mount()
}

// MountFilesystems mounts the rest. What the kernel lacks is left out and told;
// each error is about one file system.
func MountFilesystems() error {
	var errs []error
	for _, fs := range filesystems {
		if err := fs.mount(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (fs filesystem) mount() error {
	if err := unix.Mkdir(fs.target, 0o755); err != nil && err != unix.EEXIST {
		return fmt.Errorf("making %s: %w", fs.target, err)
	}
	if err := unix.Mount(fs.kind, fs.target, fs.kind, fs.flags, fs.data); err != nil && err != unix.EBUSY {
		return fmt.Errorf("mounting %s: %w", fs.target, err)
	}
	return nil
}
