// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// PowerOff writes everything back, unmounts disks and shares, and powers the guest
// off or restarts it. All other processes have been killed. It returns only if the
// kernel refuses.
func PowerOff(reboot bool) error {
	unix.Sync()
	unmountAll()
	command := unix.LINUX_REBOOT_CMD_POWER_OFF
	if reboot {
		command = unix.LINUX_REBOOT_CMD_RESTART
	}
	return unix.Reboot(command)
}

// unmountAll unmounts what outlives the guest, the last mounted first. What is still
// in use is made read-only, which also leaves it consistent.
func unmountAll() {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return
	}
	targets := outliving(string(text))
	slices.Reverse(targets)
	for _, target := range targets {
		if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW); err != nil {
			unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}
	}
}

// outliving returns the mount points of disks and shares, in the order of mounting,
// from the text of a mountinfo file (proc_pid_mountinfo(5)).
func outliving(mountinfo string) []string {
	var targets []string
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(source) < 2 {
			continue
		}
		kind := source[0]
		if strings.HasPrefix(source[1], "/dev/") || kind == "virtiofs" || kind == "9p" || strings.HasPrefix(kind, "fuse") {
			targets = append(targets, unescape(fields[4]))
		}
	}
	return targets
}

// unescape undoes the kernel's octal escapes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace
