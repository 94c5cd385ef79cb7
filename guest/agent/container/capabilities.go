// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/process"
)

// capabilities are the names of capabilities(7), without CAP_, by number.
var capabilities = [...]string{
	unix.CAP_CHOWN: "CHOWN", unix.CAP_DAC_OVERRIDE: "DAC_OVERRIDE",
	unix.CAP_DAC_READ_SEARCH: "DAC_READ_SEARCH", unix.CAP_FOWNER: "FOWNER", unix.CAP_FSETID: "FSETID",
	unix.CAP_KILL: "KILL", unix.CAP_SETGID: "SETGID", unix.CAP_SETUID: "SETUID",
	unix.CAP_SETPCAP: "SETPCAP", unix.CAP_LINUX_IMMUTABLE: "LINUX_IMMUTABLE",
	unix.CAP_NET_BIND_SERVICE: "NET_BIND_SERVICE", unix.CAP_NET_BROADCAST: "NET_BROADCAST",
	unix.CAP_NET_ADMIN: "NET_ADMIN", unix.CAP_NET_RAW: "NET_RAW", unix.CAP_IPC_LOCK: "IPC_LOCK",
	unix.CAP_IPC_OWNER: "IPC_OWNER", unix.CAP_SYS_MODULE: "SYS_MODULE", unix.CAP_SYS_RAWIO: "SYS_RAWIO",
	unix.CAP_SYS_CHROOT: "SYS_CHROOT", unix.CAP_SYS_PTRACE: "SYS_PTRACE", unix.CAP_SYS_PACCT: "SYS_PACCT",
	unix.CAP_SYS_ADMIN: "SYS_ADMIN", unix.CAP_SYS_BOOT: "SYS_BOOT", unix.CAP_SYS_NICE: "SYS_NICE",
	unix.CAP_SYS_RESOURCE: "SYS_RESOURCE", unix.CAP_SYS_TIME: "SYS_TIME",
	unix.CAP_SYS_TTY_CONFIG: "SYS_TTY_CONFIG", unix.CAP_MKNOD: "MKNOD", unix.CAP_LEASE: "LEASE",
	unix.CAP_AUDIT_WRITE: "AUDIT_WRITE", unix.CAP_AUDIT_CONTROL: "AUDIT_CONTROL",
	unix.CAP_SETFCAP: "SETFCAP", unix.CAP_MAC_OVERRIDE: "MAC_OVERRIDE", unix.CAP_MAC_ADMIN: "MAC_ADMIN",
	unix.CAP_SYSLOG: "SYSLOG", unix.CAP_WAKE_ALARM: "WAKE_ALARM", unix.CAP_BLOCK_SUSPEND: "BLOCK_SUSPEND",
	unix.CAP_AUDIT_READ: "AUDIT_READ", unix.CAP_PERFMON: "PERFMON", unix.CAP_BPF: "BPF",
	unix.CAP_CHECKPOINT_RESTORE: "CHECKPOINT_RESTORE",
}

// defaultCapabilities is Docker's default set.
const defaultCapabilities uint64 = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FSETID |
	1<<unix.CAP_FOWNER | 1<<unix.CAP_MKNOD | 1<<unix.CAP_NET_RAW | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID |
	1<<unix.CAP_SETFCAP | 1<<unix.CAP_SETPCAP | 1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_SYS_CHROOT |
	1<<unix.CAP_KILL | 1<<unix.CAP_AUDIT_WRITE

const allCapabilities = 1<<(unix.CAP_LAST_CAP+1) - 1

// capabilitySet is the default set with names added, and then others dropped.
// "ALL" is worked off first, whatever its place.
func capabilitySet(add, drop []string) (uint64, error) {
	added, err := capabilityBits(add)
	if err != nil {
		return 0, err
	}
	dropped, err := capabilityBits(drop)
	if err != nil {
		return 0, err
	}
	switch {
	case dropped == allCapabilities: // "drop ALL, add X" leaves X
		return added, nil
	default:
		return (defaultCapabilities | added) &^ dropped, nil
	}
}

func capabilityBits(names []string) (uint64, error) {
	var bits uint64
	for _, name := range names {
		short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		if short == "ALL" {
			return allCapabilities, nil
		}
		number := slices.Index(capabilities[:], short)
		if number < 0 {
			return 0, process.Invalid("capability %q does not exist", name)
		}
		bits |= 1 << number
	}
	return bits, nil
}

// dropCapabilities takes what the container may not have out of the bounding set,
// which limits what any execve can give to a process of root, and to a file with
// capabilities.
func (c *creation) dropCapabilities() error {
	if c.Privileged {
		return nil
	}
	keep, err := capabilitySet(c.AddCapabilities, c.DropCapabilities)
	if err != nil {
		return err
	}
	for n := range uint(unix.CAP_LAST_CAP + 1) {
		if keep&(1<<n) != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(n), 0, 0, 0)
		if err == unix.EINVAL { // the kernel has no more than these
			return nil
		}
		if err != nil {
			return fmt.Errorf("dropping capability %d: %w", n, err)
		}
	}
	return nil
}
