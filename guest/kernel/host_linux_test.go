// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"debug/elf"
	"errors"
	"io"
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

// TestLeanForMachines looks at what the builder left on this host.
func TestLeanForMachines(t *testing.T) {
	k, err := Find(Options{Flavour: VM, Origin: Lean})
	if errors.Is(err, ErrNotFound) {
		t.Skip("the lean kernel for virtual machines is not built: run make kernel")
	}
	require.NoError(t, err)
	paths, err := k.Modules("virtio_mmio", "virtio_blk", "virtio_net", "virtiofs", "virtio_console", "virtio_balloon", "virtio_mem",
		"virtio-rng", "vmw_vsock_virtio_transport", "vmgenid", "button", "evdev", "8250", "erofs", "overlay", "ext4")
	require.NoError(t, err)
	require.Empty(t, paths, "all are built in")
	path, err := k.Uncompressed()
	require.NoError(t, err)
	require.Equal(t, k.Path, path, "it is an ELF file already")

	f, err := elf.Open(k.Path)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Symbols()
	require.ErrorIs(t, err, elf.ErrNoSymbols)
	require.True(t, hasPVH(t, f), "it has no entry by PVH")
}

// hasPVH says whether the notes tell the 32-bit physical entry: XEN_ELFNOTE_PHYS32_ENTRY,
// type 18 of name "Xen" (Linux include/xen/interface/elfnote.h).
func hasPVH(t *testing.T, f *elf.File) bool {
	t.Helper()
	const header, name, entry = 12, "Xen\x00", 18
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE {
			continue
		}
		data, err := io.ReadAll(p.Open())
		require.NoError(t, err)
		for len(data) >= header {
			nameSize, size, kind := f.ByteOrder.Uint32(data), f.ByteOrder.Uint32(data[4:]), f.ByteOrder.Uint32(data[8:])
			body := header + int(nameSize+3)&^3
			if kind == entry && string(data[header:header+nameSize]) == name {
				return true
			}
			data = data[body+int(size+3)&^3:]
		}
	}
	return false
}
