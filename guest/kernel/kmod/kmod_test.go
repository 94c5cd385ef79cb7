// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"arcbox.dev/guest/kernel/kerneltest"
)

// tree writes files below a new folder and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(data), 0o644))
	}
	return dir
}

// module returns a module's file with the dependencies.
func module(depends string, more ...string) string {
	return string(kerneltest.Module(append([]string{"vermagic=6.1.0 mod_unload ", "depends=" + depends}, more...)...))
}

func names(modules []Module) string {
	var out []string
	for _, m := range modules {
		out = append(out, m.Name)
	}
	return strings.Join(out, " ")
}

func TestOrder(t *testing.T) {
	files := map[string]string{
		"modules.builtin":         "kernel/fs/ext4/ext4.ko\nkernel/drivers/char/hw_random/virtio-rng.ko\nkernel/crypto/crc32c_generic.ko\n",
		"modules.builtin.modinfo": "crc32c_generic.alias=crc32c\x00crc32c_generic.license=GPL\x00",
		"modules.alias":           "# comment\nalias fs-overlay overlay\nalias crc32c crc32c_intel\nalias nobody missing\n",
		"kernel/overlay.ko":       module(""),
		"kernel/vsock.ko":         module(""),
		"kernel/common.ko":        module("vsock"),
		"kernel/virtio-vsock.ko":  module("common,vsock"),
		"kernel/erofs.ko":         module("libcrc32c,ext4"),
		"kernel/libcrc32c.ko":     module("", "softdep=pre: crc32c"),
		"kernel/crc32c_intel.ko":  module(""),
		"kernel/soft.ko":          module("", "softdep=pre: vsock nothing nobody post: overlay"),
		"kernel/loop_a.ko":        module("loop_b"),
		"kernel/loop_b.ko":        module("loop_c"),
		"kernel/loop_c.ko":        module("loop_a"),
		"kernel/softloop_a.ko":    module("", "softdep=pre: softloop_b"),
		"kernel/softloop_b.ko":    module("", "softdep=pre: softloop_a"),
		"kernel/selfless.ko":      module("selfless"),
		"kernel/broken.ko":        "not a module",
		"kernel/needs_missing.ko": module("gone"),
	}
	for _, tc := range []struct {
		name  string
		ask   []string
		want  string
		error string
	}{
		{name: "nothing"},
		{name: "dependencies first", ask: []string{"virtio_vsock"}, want: "vsock common virtio_vsock"},
		{name: "hyphens are underscores", ask: []string{"virtio-vsock", "virtio-rng"}, want: "vsock common virtio_vsock"},
		{name: "none twice", ask: []string{"vsock", "virtio_vsock", "vsock", "common"}, want: "vsock common virtio_vsock"},
		{name: "built in", ask: []string{"ext4", "virtio_rng"}},
		{name: "soft dependency built in by alias", ask: []string{"erofs"}, want: "libcrc32c erofs"},
		{name: "soft dependencies before and after", ask: []string{"soft"}, want: "vsock soft overlay"},
		{name: "alias", ask: []string{"fs-overlay"}, want: "overlay"},
		{name: "soft cycle", ask: []string{"softloop_a"}, want: "softloop_b softloop_a"},
		{name: "cycle", ask: []string{"loop_a"}, error: "loop_a depends on itself by way of loop_a, loop_b, loop_c"},
		{name: "self", ask: []string{"selfless"}, error: "selfless depends on itself"},
		{name: "unknown", ask: []string{"vsock", "gone"}, error: "unknown module: gone"},
		{name: "unknown dependency", ask: []string{"needs_missing"}, error: "module needs_missing depends on it"},
		{name: "alias of nothing", ask: []string{"nobody"}, error: "unknown module: nobody"},
		{name: "damaged", ask: []string{"broken"}, error: "broken.ko"},
		{name: "path", ask: []string{"../kernel/vsock"}, error: "unknown module"},
		{name: "empty", ask: []string{""}, error: "unknown module"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := Open(tree(t, files))
			require.NoError(t, err)
			got, err := d.Order(tc.ask...)
			if tc.error != "" {
				require.ErrorContains(t, err, tc.error)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, names(got))
		})
	}
}

func TestErrUnknown(t *testing.T) {
	d, err := Open(tree(t, nil))
	require.NoError(t, err)
	_, err = d.Order("nothing")
	require.ErrorIs(t, err, ErrUnknown)
}

func TestOpen(t *testing.T) {
	dir := tree(t, map[string]string{"file": ""})
	_, err := Open(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Open(filepath.Join(dir, "file"))
	require.ErrorContains(t, err, "not a folder")
}

func TestModulesOrder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		order string
		has   bool
	}{
		{"listed", "kernel/a.ko\n", true},
		{"stale: the folder is searched", "kernel/elsewhere/a.ko\n", true},
		{"complete: what it does not list is not there", "kernel/b.ko\n", false},
		{"leads out of the folder", "../kernel/a.ko\n/kernel/a.ko\nkernel/b.ko\n", false},
		{"missing: the folder is searched", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string]string{"kernel/a.ko": module(""), "kernel/b.ko": module("")}
			if tc.order != "" {
				files["modules.order"] = tc.order
			}
			d, err := Open(tree(t, files))
			require.NoError(t, err)
			require.Equal(t, tc.has, d.Has("a"))
		})
	}
}

func TestOnlyBuiltin(t *testing.T) {
	d, err := Open(tree(t, map[string]string{"modules.builtin": "kernel/fs/fuse/fuse.ko\n", "linux": "x"}))
	require.NoError(t, err)
	require.True(t, d.Has("fuse"))
	require.False(t, d.Has("linux"))
}

func TestCompressed(t *testing.T) {
	plain := module("a")
	pack := func(newWriter func(io.Writer) (io.WriteCloser, error)) string {
		var b strings.Builder
		w, err := newWriter(&b)
		require.NoError(t, err)
		_, err = io.WriteString(w, plain)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.String()
	}
	packed := map[string]string{
		".gz":  pack(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
		".xz":  pack(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
		".zst": pack(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	}
	for suffix, data := range packed {
		t.Run(suffix, func(t *testing.T) {
			dir := tree(t, map[string]string{
				"kernel/a.ko": module(""), "kernel/b.ko" + suffix: data, "modules.order": "kernel/a.ko\nkernel/b.ko\n",
			})
			d, err := Open(dir)
			require.NoError(t, err)
			got, err := d.Order("b")
			require.NoError(t, err)
			require.Equal(t, "a b", names(got))

			var out strings.Builder
			require.NoError(t, Unpack(&out, got[1].Path))
			require.Equal(t, plain, out.String())

			d.Plain = func(file string) (string, error) {
				require.True(t, Compressed(file))
				return filepath.Join(dir, "kernel/a.ko"), nil
			}
			got, err = d.Order("b")
			require.NoError(t, err)
			require.Equal(t, filepath.Join(dir, "kernel/a.ko"), got[0].Path)
		})
		t.Run(suffix+" truncated", func(t *testing.T) {
			d, err := Open(tree(t, map[string]string{"b.ko" + suffix: data[:len(data)/2]}))
			require.NoError(t, err)
			_, err = d.Order("b")
			require.ErrorContains(t, err, "b.ko"+suffix)
		})
	}
}

func TestIndex(t *testing.T) {
	dir := tree(t, map[string]string{
		"kernel/a.ko":   module("", "alias=fs-a", "alias=virtio:d00000002v*", "alias=pci:v[0-9]"),
		"kernel/b-c.ko": module("", "alias=fs-b", "alias=two words"),
	})
	require.NoError(t, Index(dir))
	got, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
	require.NoError(t, err)
	require.Equal(t, "alias fs-a a\nalias fs-b b_c\n", string(got))

	d, err := Open(dir)
	require.NoError(t, err)
	order, err := d.Order("fs-b")
	require.NoError(t, err)
	require.Equal(t, "b_c", names(order))
}
