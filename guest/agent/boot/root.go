// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SettleRoot mounts an initramfs onto itself and makes that mount the root. The
// kernel's first mount cannot be changed by pivot_root(2), which every container
// needs; this one can. On any other root it does nothing.
func SettleRoot() error {
	var fs unix.Statfs_t
	if err := unix.Statfs("/", &fs); err != nil {
		return fmt.Errorf("looking at root: %w", err)
	}
	if fs.Type != unix.RAMFS_MAGIC && fs.Type != unix.TMPFS_MAGIC {
		return nil
	}
	const place = "/run"
	if err := unix.Mkdir(place, 0o755); err != nil && err != unix.EEXIST {
		return fmt.Errorf("making %s: %w", place, err)
	}
	if err := unix.Mount("/", place, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting root again: %w", err)
	}
	if err := unix.Chdir(place); err != nil {
		return fmt.Errorf("entering root: %w", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("changing root: %w", err)
	}
	return nil
}
