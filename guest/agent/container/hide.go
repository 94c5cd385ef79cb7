// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// What a container without privileges may not see, as Docker has it. What the kernel
// lacks is passed over.
var maskedPaths = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
	"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
	"/sys/devices/virtual/powercap", "/sys/firmware",
}

// What it may see and not change.
var readOnlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// hidePaths covers the masked paths and makes the read-only ones so.
func (c *creation) hidePaths() error {
	if c.Privileged {
		return nil
	}
	for _, path := range maskedPaths {
		if err := mask(path); err != nil && err != unix.ENOENT {
			return fmt.Errorf("masking %s: %w", path, err)
		}
	}
	for _, path := range readOnlyPaths {
		if err := makeReadOnly(path); err != nil && err != unix.ENOENT {
			return fmt.Errorf("making %s read-only: %w", path, err)
		}
	}
	return nil
}

// mask covers a file with /dev/null and a folder with an empty file system.
func mask(path string) error {
	err := unix.Mount("/dev/null", path, "", unix.MS_BIND, "")
	if err == unix.ENOTDIR {
		err = unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY|hardened, "size=0,nr_inodes=1")
	}
	return err
}

func makeReadOnly(path string) error {
	if err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|hardened, "")
}
