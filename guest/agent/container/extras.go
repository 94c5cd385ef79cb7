// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/mount"
	"arcbox.dev/guest/agent/rpc"
)

// takeExtras makes the mounts that were asked for on the old root, where their
// sources are, and takes them along by descriptor.
func (c *creation) takeExtras() error {
	for i, m := range c.Mounts {
		t, err := makeTree(i, m)
		if err != nil {
			return err
		}
		c.extras = append(c.extras, t)
	}
	return nil
}

// attachExtras puts them in place on the new root.
func (c *creation) attachExtras() error {
	for _, t := range c.extras {
		if err := t.attach(); err != nil {
			return err
		}
	}
	return nil
}

// tree is a mount that is not attached anywhere yet.
type tree struct {
	fd     int
	file   bool // its root is a file
	target string
}

// makeTree mounts at a place of its own on the stage and takes a descriptor.
func makeTree(n int, m rpc.Mount) (tree, error) {
	t := tree{target: m.Target}
	place := mount.Mount{Source: m.Source, Target: "m" + strconv.Itoa(n), Type: m.Type, Options: m.Options}
	if mount.IsBind(m.Options) {
		info, err := os.Stat(m.Source)
		if err != nil {
			return t, fmt.Errorf("mounting on %q: %w", m.Target, err)
		}
		t.file = !info.IsDir()
	}
	if err := mount.MakeTarget(place.Target, t.file); err != nil {
		return t, err
	}
	if err := mount.WaitDevice(m.Source); err != nil {
		return t, err
	}
	if err := mount.At(place); err != nil {
		return t, err
	}
	var err error
	t.fd, err = unix.OpenTree(unix.AT_FDCWD, place.Target, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return t, fmt.Errorf("taking mount of %q along: %w", m.Source, err)
	}
	return t, nil
}

// attach puts the mount where it belongs.
func (t tree) attach() error {
	defer unix.Close(t.fd)
	if !strings.HasPrefix(t.target, "/") {
		return fmt.Errorf("mounting on %q: not an absolute path", t.target)
	}
	if err := mount.MakeTarget(t.target, t.file); err != nil {
		return err
	}
	if err := unix.MoveMount(t.fd, "", unix.AT_FDCWD, t.target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("mounting on %q: %w", t.target, err)
	}
	return nil
}
