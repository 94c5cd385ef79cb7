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
)

// mountRoot makes the root file system on a tmpfs that this mount namespace alone
// has: the layers under their numbers, "upper" and "work" for what the container
// writes, and "root", where overlayfs puts them together.
func (c *creation) mountRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	limit := "mode=0755"
	if n := c.WritableLimit; n > 0 {
		limit += ",size=" + strconv.FormatUint(n, 10)
	}
	if err := unix.Mount("tmpfs", c.stage, "tmpfs", 0, limit); err != nil {
		return fmt.Errorf("mounting container's tmpfs: %w", err)
	}
	if err := unix.Chdir(c.stage); err != nil {
		return fmt.Errorf("entering container's tmpfs: %w", err)
	}
	names, err := c.mountLayers()
	if err != nil {
		return err
	}
	if err := c.makeUpper(names[0]); err != nil {
		return err
	}
	// Paths are relative, so that any number of layers fits in one page.
	options := "lowerdir=" + strings.Join(names, ":") + ",upperdir=upper,workdir=work"
	if err := unix.Mount("overlay", "root", "overlay", 0, options); err != nil {
		return fmt.Errorf("mounting container's overlay: %w", err)
	}
	return nil
}

// mountLayers returns the layers' names, the topmost first as overlayfs wants them.
func (c *creation) mountLayers() ([]string, error) {
	layers := c.Layers
	names := make([]string, len(layers))
	for i, layer := range layers {
		name := strconv.Itoa(i)
		names[len(layers)-1-i] = name
		if err := unix.Mkdir(name, 0o755); err != nil {
			return nil, fmt.Errorf("making mount point of layer %d: %w", i, err)
		}
		m := mount.Mount{Source: layer.Source, Target: name, Type: layer.Type, Options: []string{"ro"}}
		if err := mountLayer(m); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return names, nil
}

func mountLayer(m mount.Mount) error {
	if err := mount.WaitDevice(m.Source); err != nil {
		return err
	}
	info, err := os.Stat(m.Source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		m.Type, m.Options = "", []string{"bind", "ro"}
	} else if m.Type == "" {
		m.Type = "erofs"
	}
	return mount.At(m)
}

// makeUpper makes the folders that overlayfs needs. The root takes owner and mode
// from upper, which therefore has those of the topmost layer.
func (c *creation) makeUpper(top string) error {
	var st unix.Stat_t
	if err := unix.Stat(top, &st); err != nil {
		return fmt.Errorf("reading topmost layer: %w", err)
	}
	for _, dir := range []string{"upper", "work", "root"} {
		if err := unix.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("making folder %s: %w", dir, err)
		}
	}
	if err := unix.Chown("upper", int(st.Uid), int(st.Gid)); err != nil {
		return fmt.Errorf("setting owner of root: %w", err)
	}
	if err := unix.Chmod("upper", st.Mode&0o7777); err != nil {
		return fmt.Errorf("setting mode of root: %w", err)
	}
	return nil
}

// enterRoot makes the new root the root and takes the old one away. From here on
// every path belongs to the container.
func (c *creation) enterRoot() error {
	if err := unix.Chdir("root"); err != nil {
		return fmt.Errorf("entering root: %w", err)
	}
	// pivot_root(2): with "." for both, the old root ends up on top of the new one.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detaching old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("entering new root: %w", err)
	}
	return nil
}

// sealRoot makes the root read-only if it is to be.
func (c *creation) sealRoot() error {
	if !c.ReadOnly {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("making root read-only: %w", err)
	}
	return nil
}
