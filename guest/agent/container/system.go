// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/mount"
)

const (
	hardened = unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV

	// ttyGroup is the group of terminals (Debian, and Docker's devpts).
	ttyGroup = "5"
)

// systemMount is one of the file systems that every container has.
type systemMount struct {
	target, kind string
	flags        uintptr
	data         string
	sealed       bool // read-only in containers without privileges
	optional     bool // the kernel may lack it
}

// systemMounts are Docker's, in order.
var systemMounts = []systemMount{
	{target: "/proc", kind: "proc", flags: hardened},
	{target: "/dev", kind: "tmpfs", flags: unix.MS_NOSUID | unix.MS_STRICTATIME, data: "mode=755,size=65536k"},
	{target: "/dev/pts", kind: "devpts", flags: unix.MS_NOSUID | unix.MS_NOEXEC, data: "newinstance,ptmxmode=0666,mode=0620,gid=" + ttyGroup},
	{target: "/dev/shm", kind: "tmpfs", flags: hardened, data: "mode=1777,size=65536k"},
	{target: "/dev/mqueue", kind: "mqueue", flags: hardened, optional: true},
	{target: "/sys", kind: "sysfs", flags: hardened, sealed: true},
}

// device is a device node with mode 0666.
type device struct {
	name         string
	major, minor uint32
}

var devices = []device{
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
}

var deviceLinks = [][2]string{ // name, what it points to
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"}, {"ptmx", "pts/ptmx"},
}

// mountSystem mounts what every container has.
func (c *creation) mountSystem() error {
	mounts := systemMounts
	if c.cgroup != "" {
		mounts = append(mounts[:len(mounts):len(mounts)],
			systemMount{target: "/sys/fs/cgroup", kind: "cgroup2", flags: hardened, sealed: true})
	}
	for _, m := range mounts {
		if m.sealed && !c.Privileged {
			m.flags |= unix.MS_RDONLY
		}
		err := m.mount()
		if m.optional && err == unix.ENODEV {
			continue
		}
		if err != nil {
			return fmt.Errorf("mounting container's %s: %w", m.target, err)
		}
	}
	return makeDevices()
}

func (m systemMount) mount() error {
	switch err := unix.Mkdir(m.target, 0o755); err {
	case nil:
	case unix.EEXIST: // a link of the image's would have it mounted elsewhere
		var st unix.Stat_t
		if err := unix.Lstat(m.target, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			return unix.ENOTDIR
		}
	default:
		return err
	}
	return unix.Mount(m.kind, m.target, m.kind, m.flags, m.data)
}

func makeDevices() error {
	defer unix.Umask(unix.Umask(0))
	for _, d := range devices {
		if err := unix.Mknod("/dev/"+d.name, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("making device %s: %w", d.name, err)
		}
	}
	for _, l := range deviceLinks {
		if err := unix.Symlink(l[1], "/dev/"+l[0]); err != nil {
			return fmt.Errorf("making device link %s: %w", l[0], err)
		}
	}
	return nil
}

// mountConsole makes the process's terminal /dev/console too.
func (c *creation) mountConsole(slave *os.File) error {
	const console = "/dev/console"
	if err := mount.MakeTarget(console, true); err != nil {
		return err
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", slave.Fd()))
	if err != nil || !strings.HasPrefix(name, "/dev/pts/") {
		return fmt.Errorf("finding terminal's name: %q, %w", name, err)
	}
	if err := unix.Mount(name, console, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", console, err)
	}
	return nil
}
