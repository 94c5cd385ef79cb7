// SPDX-License-Identifier: MIT OR Apache-2.0

package erofstest

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Variables that make a test binary list what the kernel shows of some images, and
// give it a folder to do so in.
const (
	imagesVariable = "ARCBOX_EROFSTEST_IMAGES"
	folderVariable = "ARCBOX_EROFSTEST_FOLDER"
)

// Main runs the tests of a package. Packages that read images call it from TestMain,
// since a mount needs a process of its own, with mounts that end with it.
func Main(m *testing.M) int {
	images := os.Getenv(imagesVariable)
	if images == "" {
		return m.Run()
	}
	tree, err := mounted(os.Getenv(folderVariable), strings.Split(images, ":"))
	if err == nil {
		err = gob.NewEncoder(os.Stdout).Encode(tree)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Mount lists what the kernel shows of an image, or of several, the lowest first,
// stacked by overlayfs. It reports false where the kernel cannot be asked: that
// takes root.
func Mount(t testing.TB, images ...string) (Tree, bool) {
	t.Helper()
	if os.Geteuid() != 0 || !known("erofs") || len(images) > 1 && !known("overlay") {
		t.Logf("not read by the kernel: mounting takes root, erofs and overlayfs")
		return nil, false
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), imagesVariable+"="+strings.Join(images, ":"), folderVariable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run(), "mounting: %s", &errs)
	tree := Tree{}
	require.NoError(t, gob.NewDecoder(&out).Decode(&tree))
	return tree, true
}

// known says whether the kernel knows a file system, now or when asked to mount it.
func known(name string) bool {
	data, _ := os.ReadFile("/proc/filesystems")
	return bytes.Contains(data, []byte("\t"+name+"\n")) || exec.Command("modprobe", name).Run() == nil
}

// mounted runs in the process of its own.
func mounted(top string, images []string) (Tree, error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", top, "tmpfs", 0, ""); err != nil {
		return nil, fmt.Errorf("mounting tmpfs: %w", err)
	}
	var dirs []string
	for i, image := range images {
		dir := fmt.Sprintf("%s/%d", top, i)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		out, err := exec.Command("mount", "-t", "erofs", "-o", "loop,ro", image, dir).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("mounting %s: %w: %s", image, err, out)
		}
		dirs = append(dirs, dir)
	}
	root := dirs[0]
	if len(dirs) > 1 {
		slices.Reverse(dirs)
		root = top + "/union"
		if err := os.Mkdir(root, 0o700); err != nil {
			return nil, err
		}
		if err := unix.Mount("overlay", root, "overlay", unix.MS_RDONLY, "lowerdir="+strings.Join(dirs, ":")); err != nil {
			return nil, fmt.Errorf("mounting overlay: %w", err)
		}
	}
	return list(root)
}

// list describes all files below root.
func list(root string) (Tree, error) {
	tree, first := Tree{}, map[[2]uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		file := File{Mode: st.Mode, UID: st.Uid, GID: st.Gid, Mtime: fmt.Sprintf("%d.%09d", st.Mtim.Sec, st.Mtim.Nsec)}
		if file.Xattrs, err = attributes(path); err != nil {
			return fmt.Errorf("attributes of %s: %w", path, err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			file.Nlink = uint64(st.Nlink)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFCHR, unix.S_IFBLK:
			file.Rdev = fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		case unix.S_IFLNK:
			file.Size = st.Size
			file.Target, err = os.Readlink(path)
		case unix.S_IFREG:
			file.Size = st.Size
			file.Sum, err = sum(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		}
		if err != nil {
			return err
		}
		ino := [2]uint64{st.Dev, st.Ino}
		if _, ok := first[ino]; !ok {
			first[ino] = name
		}
		file.Same = first[ino]
		tree[name] = file
		return nil
	})
	return tree, err
}

func attributes(path string) (map[string]string, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil || n == 0 {
		return nil, err
	}
	out := map[string]string{}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		m, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = string(value[:m])
	}
	return out, nil
}
