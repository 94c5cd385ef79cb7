// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/cache/cachetest"
	"arcbox.dev/guest/kernel/kerneltest"
	"arcbox.dev/guest/kernel/kmod"
)

// A full cache must not stop a VM, and nothing half-written is left in it.
func TestFullCache(t *testing.T) {
	h := newHost(t)
	h.env["ARCBOX_KERNEL"] = h.write("linux", kerneltest.UML("6.12.0", make([]byte, 1<<20)), 0o755)
	age(t, h.env["ARCBOX_KERNEL"])
	h.opts.CacheDir = cachetest.SmallDisk(t, 64<<10)

	_, err := Find(h.opts)
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(h.opts.CacheDir, "*", ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestPackaged finds what the distribution installed on this host.
func TestPackaged(t *testing.T) {
	if _, err := os.Stat("/usr/bin/linux.uml"); err != nil {
		t.Skip("user-mode-linux is not installed: run ci/setup demo")
	}
	k, err := Find(Options{Flavour: UML, Origin: Packaged, CacheDir: t.TempDir()})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(filepath.Base(k.ModuleDir), k.Release))

	paths, err := k.Modules("virtio_blk", "vmw_vsock_virtio_transport", "virtio_net", "virtiofs", "overlay", "erofs", "ext4")
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, p := range paths {
		f, err := os.Open(p)
		require.NoError(t, err)
		info, err := kmod.ReadInfo(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, k.Release, info.Release)
		for _, d := range info.Depends {
			require.True(t, seen[d], "%s needs %s before it", p, d)
		}
		require.False(t, seen[info.Name], "%s is loaded twice", p)
		seen[info.Name] = true
	}
	for _, name := range []string{"virtio_blk", "vsock", "failover", "fuse", "overlay", "erofs"} {
		require.True(t, seen[name], "%s is missing from %v", name, paths)
	}
	require.False(t, seen["ext4"], "it is built in")

	order := slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == "fuse.ko" })
	require.Less(t, order, slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) == "virtiofs.ko" }))
}
