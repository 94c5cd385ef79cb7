// SPDX-License-Identifier: MIT OR Apache-2.0

// Package erofstest reads EROFS images for tests, in ways that have nothing to do
// with how they were written: with the library go-erofs, with fsck.erofs where it is
// installed, and with the host's own kernel for root. All must agree.
package erofstest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	goerofs "github.com/erofs/go-erofs"
	"github.com/stretchr/testify/require"
)

// File is all that can be seen of a file.
type File struct {
	Mode     uint32 // type and permissions, as in stat(2)
	UID, GID uint32
	Rdev     string // major:minor of a device
	Size     int64  // of a regular file or a symbolic link
	Mtime    string // seconds.nanoseconds
	Nlink    uint64 // of anything but a directory
	Target   string
	Sum      string // of a regular file's contents
	Xattrs   map[string]string
	Same     string // the first path of the same inode
}

// Tree holds files by path; the root is ".".
type Tree map[string]File

// Paths returns the paths in order.
func (t Tree) Paths() []string { return slices.Sorted(maps.Keys(t)) }

// Read reads the image in every way there is.
func Read(t testing.TB, image string) Tree {
	t.Helper()
	tree := Library(t, image)
	if fsck, err := exec.LookPath("fsck.erofs"); err == nil && !tree.deep() {
		out, err := exec.Command(fsck, "--extract", image).CombinedOutput()
		require.NoError(t, err, "fsck.erofs: %s", out)
	}
	mounted, ok := Mount(t, image)
	if ok {
		Equal(t, mounted, tree)
	}
	return tree
}

// deep says whether some path is longer than fsck.erofs 1.5 bears: it crashes on
// images that the kernel mounts.
func (t Tree) deep() bool {
	for path := range t {
		if len(path) > 1000 {
			return true
		}
	}
	return false
}

// Library reads the image with go-erofs alone.
func Library(t testing.TB, image string) Tree {
	t.Helper()
	tree, err := library(image)
	require.NoError(t, err, "go-erofs")
	return tree
}

// Equal compares file by file, which makes for messages that can be read.
func Equal(t testing.TB, want, got Tree) {
	t.Helper()
	require.Equal(t, want.Paths(), got.Paths())
	for path := range want {
		require.Equal(t, want[path], got[path], path)
	}
}

// library lists an image with go-erofs.
func library(name string) (Tree, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	image, err := goerofs.Open(f)
	if err != nil {
		return nil, err
	}
	tree, first := Tree{}, map[int64]string{}
	err = fs.WalkDir(image, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		file, ino, err := describe(image, path, info)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, ok := first[ino]; !ok {
			first[ino] = path
		}
		file.Same = first[ino]
		tree[path] = file
		return nil
	})
	return tree, err
}

func describe(image fs.FS, path string, info fs.FileInfo) (File, int64, error) {
	stat := info.Sys().(*goerofs.Stat) // info.Mode lacks the sticky bit
	file := File{
		Mode: unixMode(stat.Mode), UID: stat.UID, GID: stat.GID,
		Mtime: fmt.Sprintf("%d.%09d", int64(stat.Mtime), stat.MtimeNs),
	}
	for name, value := range stat.Xattrs {
		if file.Xattrs == nil {
			file.Xattrs = map[string]string{}
		}
		file.Xattrs[strings.TrimSuffix(name, ".")] = value // the library's names of ACLs end so
	}
	if !info.IsDir() {
		file.Nlink = uint64(stat.Nlink)
	}
	var err error
	switch {
	case info.Mode()&fs.ModeDevice != 0:
		file.Rdev = fmt.Sprintf("%d:%d", stat.Rdev>>8&0xfff, stat.Rdev&0xff|stat.Rdev>>12&0xfff00)
	case info.Mode()&fs.ModeSymlink != 0:
		file.Target, err = fs.ReadLink(image, path)
		file.Size = info.Size()
	case info.Mode().IsRegular():
		file.Size = info.Size()
		file.Sum, err = sum(image, path)
	}
	return file, stat.Ino, err
}

// sum hashes a file's contents, and makes a sum of nothing for an empty one too.
func sum(fsys fs.FS, path string) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Sum is what File.Sum says of such contents.
func Sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	for bit, value := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&bit != 0 {
			mode |= value
		}
	}
	switch m.Type() {
	case fs.ModeDir:
		mode |= 0o040000
	case fs.ModeSymlink:
		mode |= 0o120000
	case fs.ModeDevice:
		mode |= 0o060000
	case fs.ModeDevice | fs.ModeCharDevice:
		mode |= 0o020000
	case fs.ModeNamedPipe:
		mode |= 0o010000
	case fs.ModeSocket:
		mode |= 0o140000
	default:
		mode |= 0o100000
	}
	return mode
}
