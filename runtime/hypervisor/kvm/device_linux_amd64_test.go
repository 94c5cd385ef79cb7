// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

func TestOpenError(t *testing.T) {
	const path = "/dev/no-such-device"
	join := `add yourself to the group kvm: sudo usermod -aG kvm "$USER", then log in again`
	tests := []struct {
		errno          unix.Errno
		class          error
		reason, remedy string
	}{
		{unix.EACCES, errdefs.ErrUnavailable, "no permission to use " + path,
			"give it to the group: sudo chgrp kvm " + path + " && sudo chmod 0660 " + path + "; and " + join},
		{unix.EPERM, errdefs.ErrUnavailable, "the device rules of this process's control group forbid " + path,
			"where this is a container, start it with --device " + path},
		{unix.EMFILE, errdefs.ErrUnavailable, "opening " + path + ": too many open files", ""},
	}
	for _, tt := range tests {
		t.Run(unix.ErrnoName(tt.errno), func(t *testing.T) {
			err := openError(path, tt.errno)
			require.ErrorIs(t, err, tt.class)
			reason, remedy := explain(err)
			require.Equal(t, tt.reason, reason)
			require.Equal(t, tt.remedy, remedy)
		})
	}
	for _, errno := range []unix.Errno{unix.ENOENT, unix.ENODEV, unix.ENXIO} {
		require.ErrorIs(t, openError(path, errno), errdefs.ErrNotFound, unix.ErrnoName(errno))
	}
}

func TestVersionError(t *testing.T) {
	err := versionError("/dev/kvm", 11)
	require.ErrorIs(t, err, errdefs.ErrNotSupported)
	require.ErrorContains(t, err, "/dev/kvm speaks version 11 of KVM's API, not 12")
}

// TestNoPermission opens a device that this process's user may not, but its group.
func TestNoPermission(t *testing.T) {
	const nobody = 65534
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // for nobody to look into
	path := filepath.Join(dir, "kvm")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	gid := os.Getgid()
	if os.Getuid() == 0 {
		gid = nobody
		require.NoError(t, os.Chown(path, 0, gid))
	}
	require.NoError(t, os.Chmod(path, 0o060))

	reports := make(chan hypervisor.Report)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this function
		if os.Getuid() == 0 {
			// Nothing but this thread's access to files changes.
			if err := unix.Setfsuid(nobody); err != nil {
				t.Errorf("changing the file system user: %v", err)
			}
		}
		reports <- (&Hypervisor{Device: path}).Probe(t.Context())
	}()
	report := <-reports

	name := strconv.Itoa(gid)
	if group, err := user.LookupGroupId(name); err == nil {
		name = group.Name
	}
	require.Equal(t, "no permission to use "+path, report.Reason)
	require.Equal(t, joinGroup(name), report.Remedy)
	require.False(t, report.Usable)
}

func TestUninterrupted(t *testing.T) {
	calls := 0
	n, err := uninterrupted(func() (int, error) {
		calls++
		if calls < 3 {
			return -1, unix.EINTR
		}
		return 7, nil
	})
	require.NoError(t, err)
	require.Equal(t, 7, n)
	require.Equal(t, 3, calls)

	_, err = uninterrupted(func() (int, error) { return -1, unix.EBUSY })
	require.ErrorIs(t, err, unix.EBUSY)
}
