// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// publish renames a complete, synced file into its place and makes that last.
func publish(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// private makes the folder one that belongs to this user alone.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating folder: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	if int(st.Uid) != os.Geteuid() {
		return errdefs.New(errdefs.ErrInvalid, "use a folder of your own", "folder %s belongs to another user", dir)
	}
	if st.Mode&0o077 != 0 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// available returns how many bytes the folder's disk has left for this user.
func available(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	blocks, size := uint64(st.Bavail), uint64(st.Bsize)
	if size == 0 || blocks > math.MaxInt64/size {
		return math.MaxInt64, nil
	}
	return int64(blocks * size), nil
}

// full gives an error that comes from a full disk its class.
func full(err error, dir string) error {
	for _, no := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG} {
		if errors.Is(err, no) {
			return errdefs.New(errdefs.ErrExhausted, "free some space there", "no room left in %s: %w", dir, err)
		}
	}
	return err
}

// source is the state of a file that an image was loaded from. As long as it is the
// same, so are the contents.
type source struct {
	Stamp string // device, inode, size, times
	ID    string
}

// stamp returns what tells a file's versions apart. For an image layout that is its
// index, which names everything else by digest. Without a file it is empty.
func stamp(path string) string {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return ""
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR && unix.Stat(filepath.Join(path, "index.json"), &st) != nil {
		return ""
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ""
	}
	return fmt.Sprintf("%d:%d:%d:%d.%09d:%d.%09d", st.Dev, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec)
}
