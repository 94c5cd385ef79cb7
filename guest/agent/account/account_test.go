// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package account

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestFind(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(root, "etc", name), []byte(content), 0o644))
	}
	write("passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n\nbroken\n2000:x:5:6::/named/by/number:\nnohome:x:7:7:::\n")
	write("group", "root:x:0:\nmail:x:8:app,other\nvideo:x:44:app\nbroken\n")
	for _, tt := range []struct {
		name string
		want Account
	}{
		{"", Account{0, 0, nil, "/root"}},
		{"root", Account{0, 0, nil, "/root"}},
		{"app", Account{1000, 1001, []uint32{8, 44}, "/home/app"}},
		{"1000", Account{1000, 1001, []uint32{8, 44}, "/home/app"}},
		{"app:mail", Account{1000, 8, nil, "/home/app"}},
		{"app:9999", Account{1000, 9999, nil, "/home/app"}},
		{"3000", Account{3000, 0, nil, "/"}},
		{"3000:mail", Account{3000, 8, nil, "/"}},
		{"nohome", Account{7, 7, nil, "/"}},
		{":mail", Account{0, 8, nil, "/root"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find(root, tt.name)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for _, name := range []string{"nobody", "app:nogroup", "-1", "4294967296", "99999999999999999999", "app:-1"} {
		t.Run(name, func(t *testing.T) {
			got, err := Find(root, name)
			require.Error(t, err)
			require.Zero(t, got)
		})
	}
}

func TestFindWithoutFiles(t *testing.T) {
	root := t.TempDir()
	got, err := Find(root, "12:34")
	require.NoError(t, err)
	require.Equal(t, Account{12, 34, nil, "/"}, got)
	_, err = Find(root, "app")
	require.Error(t, err)
}

func TestFindOddFiles(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(path string) error
	}{
		{"pipe", func(path string) error { return unix.Mkfifo(path, 0o644) }},
		{"folder", func(path string) error { return os.Mkdir(path, 0o755) }},
		{"device", func(path string) error { return os.Symlink("/dev/zero", path) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755))
			require.NoError(t, tt.make(filepath.Join(root, "etc/group")))
			_, err := Find(root, "0")
			require.ErrorContains(t, err, "etc/group: not a regular file")
		})
	}
}
