// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Landlock access rights by ABI version (landlock(7)): those of version 1, then
// what each later version can restrict in addition.
const (
	landlockV1     = 1<<13 - 1
	landlockRefer  = 1 << 13 // ABI 2
	landlockTrunc  = 1 << 14 // ABI 3
	landlockIoctl  = 1 << 15 // ABI 5
	landlockRead   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	landlockRunnow = landlockRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
)

// restrictFiles leaves the process the binds, read-only, and the memory folder.
func restrictFiles(spec *jailSpec) error {
	version, err := landlockVersion()
	if err != nil {
		return fmt.Errorf("asking for Landlock: %w", err)
	}
	rights := uint64(landlockV1)
	if version >= 2 {
		rights |= landlockRefer
	}
	if version >= 3 {
		rights |= landlockTrunc
	}
	ruleset, err := landlockCreate(rights)
	if err != nil {
		return fmt.Errorf("creating a Landlock ruleset: %w", err)
	}
	defer unix.Close(ruleset)
	grant := func(path string, access uint64) error {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("opening %s: %w", path, err)
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			access &= unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE | landlockTrunc
		}
		if err := landlockAllow(ruleset, fd, access&rights); err != nil {
			return fmt.Errorf("allowing %s: %w", path, err)
		}
		return nil
	}
	for _, b := range spec.Binds {
		if err := grant(b.Source, landlockRunnow); err != nil {
			return err
		}
	}
	if err := grant("/dev/null", landlockRead|unix.LANDLOCK_ACCESS_FS_WRITE_FILE); err != nil {
		return err
	}
	for _, f := range spec.Files {
		if err := os.WriteFile(f.Path, f.Data, 0o500); err != nil {
			return err
		}
	}
	if err := grant(spec.MemoryDir, rights); err != nil { // memory is mapped executable
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("restricting files by Landlock: %w", errno)
	}
	return nil
}
