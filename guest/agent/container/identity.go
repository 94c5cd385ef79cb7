// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/stdio"
)

// folder is the process's working directory.
func (c *creation) folder() string {
	if dir := c.req.Cwd; dir != "" {
		return dir
	}
	return "/"
}

// makeFolder makes the working directory if it is not there.
func (c *creation) makeFolder() error {
	dir := c.folder()
	if dir[0] != '/' {
		return process.Invalid("working directory %q is not an absolute path", dir)
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return process.Invalid("making working directory: %w", err)
	}
	return nil
}

// enterFolder becomes the user and goes to the working directory: as root where
// that suffices, or else as the user, since either may lack access.
func (c *creation) enterFolder() error {
	for fd := range 3 {
		if err := stdio.Own(fd, c.account.UID); err != nil {
			return err
		}
	}
	first := unix.Chdir(c.folder())
	if err := c.becomeUser(); err != nil {
		return err
	}
	if first == nil {
		return nil
	}
	if err := unix.Chdir(c.folder()); err != nil {
		return process.Invalid("changing to working directory %q: %w", c.folder(), err)
	}
	return nil
}

// becomeUser changes this thread's credentials; the others end with execve. For a
// user other than root the kernel empties the effective and permitted capabilities
// (capabilities(7)).
func (c *creation) becomeUser() error {
	groups := make([]int, len(c.account.Groups))
	for i, g := range c.account.Groups {
		groups[i] = int(g)
	}
	if err := unix.Setgroups(groups); err != nil {
		return fmt.Errorf("setting supplementary groups: %w", err)
	}
	uid, gid := uintptr(c.account.UID), uintptr(c.account.GID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("setting group: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("setting user: %w", errno)
	}
	return nil
}
