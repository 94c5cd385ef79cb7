// SPDX-License-Identifier: MIT OR Apache-2.0

package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/cache"
	"arcbox.dev/guest/cache/cachetest"
)

func TestFullDisk(t *testing.T) {
	dir := cachetest.SmallDisk(t, 64<<10)
	much := make([]byte, 1<<20)
	path := filepath.Join(dir, "f")
	err := cache.WriteFile(path, 0o644, func(f *os.File) error {
		_, err := f.Write(much)
		return err
	})
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG)
	require.True(t, full, "%v", err)
	require.NotContains(t, err.Error(), ".tmp-", "a temporary name means nothing to a user")

	err = cache.WriteFolder(filepath.Join(dir, "d"), func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "x"), much, 0o644)
	})
	require.Error(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestBelowAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	err := cache.WriteFile(filepath.Join(file, "f"), 0o644, func(*os.File) error { return nil })
	require.ErrorIs(t, err, syscall.ENOTDIR)
	err = cache.WriteFolder(filepath.Join(file, "d"), func(string) error { return nil })
	require.ErrorIs(t, err, syscall.ENOTDIR)
}
