// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package mount mounts file systems as mount(8) does.
package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// deviceTimeout is how long a device may take to appear.
const deviceTimeout = 5 * time.Second

// Mount describes a mount.
type Mount struct {
	Source, Target string
	Type           string
	Options        []string
}

// Do makes the target if it is not there and mounts. A device that the kernel has
// yet to find is waited for.
func Do(m Mount) error {
	if !strings.HasPrefix(m.Target, "/") {
		return fmt.Errorf("mounting %q: target %q is not an absolute path", m.Source, m.Target)
	}
	if err := WaitDevice(m.Source); err != nil {
		return err
	}
	if err := makeTarget(m); err != nil {
		return err
	}
	return At(m)
}

// At mounts on a target that is there.
func At(m Mount) error {
	bits, propagation, data := parse(m.Options)
	if err := unix.Mount(m.Source, m.Target, m.Type, bits, data); err != nil {
		return fmt.Errorf("mounting %q on %q: %w", m.Source, m.Target, err)
	}
	// mount_namespaces(7): a bind ignores all flags but MS_REC; they are set afterwards.
	const ofMount = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	if bits&unix.MS_BIND != 0 && bits&unix.MS_REMOUNT == 0 && bits&ofMount != 0 {
		if err := unix.Mount("", m.Target, "", bits&ofMount|unix.MS_BIND|unix.MS_REMOUNT, ""); err != nil {
			return fmt.Errorf("setting options of %q: %w", m.Target, err)
		}
	}
	if propagation != 0 {
		if err := unix.Mount("", m.Target, "", propagation, ""); err != nil {
			return fmt.Errorf("setting propagation of %q: %w", m.Target, err)
		}
	}
	return nil
}

// makeTarget makes a folder, or an empty file for a bind of one.
func makeTarget(m Mount) error {
	if _, err := os.Stat(m.Target); err == nil {
		return nil
	}
	file := false
	if IsBind(m.Options) {
		info, err := os.Stat(m.Source)
		if err != nil {
			return fmt.Errorf("mounting %q: %w", m.Source, err)
		}
		file = !info.IsDir()
	}
	return MakeTarget(m.Target, file)
}

// MakeTarget makes a mount point and the folders above it.
func MakeTarget(target string, file bool) error {
	folder := target
	if file {
		folder = filepath.Dir(target)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making mount point: %w", err)
	}
	if !file {
		return nil
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return fmt.Errorf("making mount point: %w", err)
	}
	return f.Close()
}

// WaitDevice waits for a file in /dev to appear. Any other path is left alone.
func WaitDevice(path string) error {
	if !strings.HasPrefix(path, "/dev/") {
		return nil
	}
	deadline := time.Now().Add(deviceTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		var st unix.Stat_t
		err := unix.Stat(path, &st)
		if err == nil {
			return nil
		}
		if err != unix.ENOENT || time.Now().After(deadline) {
			return fmt.Errorf("looking for device %s: %w", path, err)
		}
		time.Sleep(pause)
	}
}
