// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/client"
)

// TestHostileImage has images try to reach what is not theirs, or to hang the agent.
func TestHostileImage(t *testing.T) {
	needRoot(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, root string)
		script  string
		want    string // what it prints
		text    string // or else the error
	}{
		{
			name: "hosts is a link out",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink(secret, filepath.Join(root, "etc/hosts")))
				require.NoError(t, os.Symlink("../../../../../.."+secret, filepath.Join(root, "etc/hostname")))
			},
			script: "test -L /etc/hosts || test -L /etc/hostname || echo replaced", want: "replaced\n",
		},
		{
			name: "etc is a link out",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.RemoveAll(filepath.Join(root, "etc")))
				require.NoError(t, os.Symlink(outside, filepath.Join(root, "etc")))
			},
			text: "container's /etc/hostname",
		},
		{
			name: "etc is a file",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.RemoveAll(filepath.Join(root, "etc")))
				put(t, root, "etc", "")
			},
			text: "container's /etc/hostname",
		},
		{
			name: "dev is a link out",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink(outside, filepath.Join(root, "dev")))
			},
			text: "container's /dev",
		},
		{
			name: "proc is a link to etc",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink("/etc", filepath.Join(root, "proc")))
			},
			text: "container's /proc",
		},
		{
			name: "passwd is a pipe",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Remove(filepath.Join(root, "etc/passwd")))
				require.NoError(t, unix.Mkfifo(filepath.Join(root, "etc/passwd"), 0o644))
			},
			text: "not a regular file",
		},
		{
			name: "passwd is endless",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Remove(filepath.Join(root, "etc/passwd")))
				require.NoError(t, os.Symlink("/dev/zero", filepath.Join(root, "etc/passwd")))
			},
			text: "not a regular file",
		},
		{
			name: "passwd is huge",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Truncate(filepath.Join(root, "etc/passwd"), 1<<40))
			},
			text: "user",
		},
		{
			name: "mount point is a link out",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink(outside, filepath.Join(root, "data")))
			},
			text: "making mount point",
		},
		{
			name: "folder is a link to the socket",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink("/proc/self/fd/3", filepath.Join(root, "work")))
			},
			text: "working directory",
		},
		{
			name: "sticks to its root",
			prepare: func(t *testing.T, root string) {
				require.NoError(t, os.Symlink("../../../../../..", filepath.Join(root, "up")))
			},
			script: "cd /up; ls -d tmp; ls /proc/1/root/up/tmp; cd ../../..; test ! -e " + secret, want: "tmp\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(secret, []byte("untouched"), 0o600))
			root := busyboxLayer(t)
			tt.prepare(t, root)
			c := newContainers(t, root)
			cfg := c.config(tt.script, func(cfg *client.ExecConfig) {
				cfg.Dir = "/work"
				cfg.Container.Mounts = []client.Mount{{Source: "tmpfs", Target: "/data/x", Type: "tmpfs"}}
			})
			if tt.text == "" {
				require.Equal(t, result{stdout: tt.want}, run(t, c.guest, cfg))
			} else {
				_, err := c.Start(soon(t), cfg)
				require.ErrorContains(t, err, tt.text)
			}
			got, err := os.ReadFile(secret)
			require.NoError(t, err)
			require.Equal(t, "untouched", string(got))
			entries, err := os.ReadDir(outside)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}
