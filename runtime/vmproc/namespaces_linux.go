// SPDX-License-Identifier: MIT OR Apache-2.0

package vmproc

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownNamespaces has a process start in mount, network and IPC namespaces of its own.
// An ordinary user may make those in a user namespace alone, where it is root; to the
// host it stays who it is, with the groups that it has.
func ownNamespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC}
	if uid := os.Geteuid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}
