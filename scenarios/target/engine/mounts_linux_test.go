// SPDX-License-Identifier: MIT OR Apache-2.0

package engine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestUnmount takes away a mount that is there twice, and minds none that is not.
func TestUnmount(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, unmount(filepath.Join(dir, "nothing")))
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	require.NoError(t, unmount(dir))
	for range 2 {
		require.NoError(t, unix.Mount(dir, dir, "", unix.MS_BIND, ""))
	}
	require.NoError(t, unmount(dir))
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), dir)
}
