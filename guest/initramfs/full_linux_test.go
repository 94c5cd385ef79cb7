// SPDX-License-Identifier: MIT OR Apache-2.0

package initramfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/cache/cachetest"
	"arcbox.dev/guest/initramfs"
)

func TestFullDisk(t *testing.T) {
	agent := filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(agent, make([]byte, 1<<20), 0o755))
	dir := cachetest.SmallDisk(t, 64<<10)
	_, err := initramfs.Cached(dir, initramfs.Spec{Init: agent})
	require.True(t, errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG), "%v", err)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), ".tmp-")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
