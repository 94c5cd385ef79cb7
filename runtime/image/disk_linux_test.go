// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// ownMounts lets a process mount, without rights on the host.
func ownMounts(_ testing.TB, cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNS | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
}

// roleSmallDisk keeps a store on a disk of 5 MiB: of the archives only the first
// fits.
func roleSmallDisk(args []string) error {
	dir := args[0]
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=5m"); err != nil {
		return fmt.Errorf("mounting tmpfs: %w", err)
	}
	s, err := Open(filepath.Join(dir, "store"), quiet)
	if err != nil {
		return err
	}
	ctx := context.Background()
	used := func() uint64 {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return 0
		}
		return st.Blocks - st.Bfree
	}
	if _, err := s.Load(ctx, args[1], ""); err != nil {
		return fmt.Errorf("the small image: %w", err)
	}
	before := used()
	for _, path := range args[2:] {
		_, err := s.Load(ctx, path, "")
		if !errors.Is(err, errdefs.ErrExhausted) {
			return fmt.Errorf("%s: %w, not ErrExhausted", path, err)
		}
		// state.db may have grown by some pages.
		if after := used(); after > before+16 {
			return fmt.Errorf("%s: %d blocks were used before, %d after", path, before, after)
		}
		left, err := os.ReadDir(s.file("tmp"))
		if err != nil || len(left) > 0 {
			return fmt.Errorf("%s: left behind %v, %w", path, left, err)
		}
	}
	if _, err := s.Resolve(ctx, "small"); err != nil {
		return fmt.Errorf("the small image afterwards: %w", err)
	}
	return nil
}
