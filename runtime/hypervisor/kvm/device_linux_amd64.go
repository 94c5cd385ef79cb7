// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// apiVersion is the only one there is since Linux 2.6.22 (KVM_GET_API_VERSION).
const apiVersion = 12

// openDevice opens the KVM device and sees that it is one. The caller closes the
// descriptor.
func openDevice(path string) (int, error) {
	// Whatever the path leads to, opening it must neither wait nor make it the
	// process's terminal.
	const flags = unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	device, err := uninterrupted(func() (int, error) { return unix.Open(path, flags, 0) })
	if err != nil {
		return -1, openError(path, err)
	}
	version, err := gokvm.GetAPIVersion(uintptr(device))
	if err == nil && version == apiVersion {
		return device, nil
	}
	unix.Close(device) // opened a moment ago and not used
	if err != nil {
		return -1, errdefs.New(errdefs.ErrInvalid, "name the KVM device, "+DefaultDevice, "%s is not a KVM device: %w", path, err)
	}
	return -1, versionError(path, version)
}

func versionError(path string, version uintptr) error {
	return errdefs.New(errdefs.ErrNotSupported, "update the host's kernel",
		"%s speaks version %d of KVM's API, not %d", path, version, apiVersion)
}

// openError explains why the device could not be opened.
func openError(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return absent(path, hostVirtualization("/"))
	case errors.Is(err, unix.EACCES):
		return errdefs.New(errdefs.ErrUnavailable, groupRemedy(path), "no permission to use %s", path)
	case errors.Is(err, unix.EPERM):
		return errdefs.New(errdefs.ErrUnavailable, "where this is a container, start it with --device "+path,
			"the device rules of this process's control group forbid %s", path)
	}
	return errdefs.New(errdefs.ErrUnavailable, "", "opening %s: %w", path, err)
}

// groupRemedy says how to get at the device: by way of its group, if that may use
// it, and else by way of the group that it has on most systems.
func groupRemedy(path string) string {
	const usual = "kvm"
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == nil && st.Gid != 0 && st.Mode&0o060 == 0o060 {
		name := strconv.FormatUint(uint64(st.Gid), 10)
		if group, err := user.LookupGroupId(name); err == nil {
			name = group.Name
		}
		return joinGroup(name)
	}
	return fmt.Sprintf("give it to the group: sudo chgrp %s %s && sudo chmod 0660 %s; and %s", usual, path, path, joinGroup(usual))
}

func joinGroup(name string) string {
	return fmt.Sprintf("add yourself to the group %s: sudo usermod -aG %s \"$USER\", then log in again", name, name)
}

// uninterrupted repeats a call for as long as signals interrupt it. KVM_CREATE_VM,
// for one, gives up on any signal, and the Go runtime sends itself some.
func uninterrupted(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
