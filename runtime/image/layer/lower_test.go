// SPDX-License-Identifier: MIT OR Apache-2.0

package layer_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs/erofstest"
	"arcbox.dev/runtime/image/layer"
)

// base is a layer as the lowest of an image often is.
func base(t testing.TB) []byte {
	return pack(t,
		dir("bin", 0o755), dir("usr", 0o755), dir("usr/lib", 0o755), symlink("lib", "usr/lib"), symlink("abs", "/usr/lib"),
		item{tar.Header{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777, Uid: 1, Gid: 2, PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y"}}, ""},
		item{tar.Header{Typeflag: tar.TypeReg, Name: "bin/tool", Mode: 0o4755, PAXRecords: map[string]string{"SCHILY.xattr.trusted.x": "cap"}}, strings.Repeat("tool", 3000)},
		symlink("bin/link", "tool"), dir("full", 0o711), file("full/f", "x"), dir("full/sub", 0o700), file("full/sub/f", "x"))
}

func TestOnTopOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		items  []item
		merged bool
		want   string
	}{
		{"complete", []item{dir("tmp", 0o1777), file("tmp/f", "")}, false, "tmp d1777\ntmp/f f644 0\n"},
		{"folder of a lower layer", []item{file("tmp/f", "")}, true, "tmp d1777\ntmp/f f644 0\n"},
		{"new folder", []item{file("new/f", "")}, false, "new d755\nnew/f f644 0\n"},
		{"folder described later", []item{file("tmp/f", ""), dir("tmp", 0o700)}, true, "tmp d700\ntmp/f f644 0\n"},
		{"relative link below", []item{file("lib/x/f", "")}, true, "usr d755\nusr/lib d755\nusr/lib/x d755\nusr/lib/x/f f644 0\n"},
		{"absolute link below", []item{file("abs/f", "")}, true, "usr d755\nusr/lib d755\nusr/lib/f f644 0\n"},
		{"link below replaced", []item{dir("lib", 0o755), file("lib/f", "")}, false, "lib d755\nlib/f f644 0\n"},
		{"hard link below", []item{link("bin/copy", "bin/tool")}, true, "bin d755\nbin/copy f4755 12000\nbin/tool f4755 12000 = bin/copy\n"},
		{"hard link below through a link", []item{symlink("b", "bin"), link("copy", "b/tool")}, true,
			"b l777 -> bin\nbin d755\nbin/tool f4755 12000\ncopy f4755 12000 = bin/tool\n"},
		{"hard link to a symbolic one below", []item{link("bin/other", "bin/link")}, true, "bin d755\nbin/link l777 -> tool\nbin/other l777 -> tool = bin/link\n"},
		{"whiteout of something", []item{file("full/.wh.f", "")}, true, "full d711\nfull/f c000 gone\n"},
		{"whiteout of nothing", []item{file("full/.wh.g", ""), file("none/.wh.g", "")}, true, "full d711\nnone d755\n"},
		{"below a whiteout", []item{file(".wh.full", ""), file("full/sub/g", "")}, false, "full d755 opaque\nfull/sub d755\nfull/sub/g f644 0\n"},
		{"below an opaque folder", []item{dir("full", 0o711), file("full/.wh..wh..opq", ""), file("full/sub/g", "")}, false, "full d711 opaque\nfull/sub d755\nfull/sub/g f644 0\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, below, err := convert(t, base(t), layer.Options{Limit: room})
			require.NoError(t, err)
			lower, err := layer.OpenLower([]string{below})
			require.NoError(t, err)
			info, image, err := convert(t, pack(t, tc.items...), layer.Options{Limit: room, Lower: lower})
			require.NoError(t, err)
			require.NoError(t, lower.Close())
			_, rest, _ := strings.Cut(brief(erofstest.Read(t, image)), "\n")
			require.Equal(t, tc.want, rest)
			require.Equal(t, tc.merged, info.Merged)
		})
	}
}

// Owners and attributes come from below too.
func TestFolderOfLowerLayer(t *testing.T) {
	_, below, err := convert(t, base(t), layer.Options{Limit: room})
	require.NoError(t, err)
	lower, err := layer.OpenLower([]string{below})
	require.NoError(t, err)
	defer lower.Close()
	_, image, err := convert(t, pack(t, file("tmp/f", ""), link("copy", "bin/tool")), layer.Options{Limit: room, Lower: lower})
	require.NoError(t, err)
	want, got := erofstest.Read(t, below), erofstest.Read(t, image)
	require.Equal(t, want["tmp"], got["tmp"])
	require.Equal(t, want["bin/tool"].Xattrs, got["copy"].Xattrs)
	require.Equal(t, want["bin/tool"].Sum, got["copy"].Sum)
}

// What makes no sense alone is kept for when there is more, and refused when there
// is not.
func TestUnfit(t *testing.T) {
	_, below, err := convert(t, base(t), layer.Options{Limit: room})
	require.NoError(t, err)
	for name, items := range map[string][]item{
		"hard link to nothing":           {link("a", "nothing")},
		"hard link into nothing":         {link("a", "no/thing")},
		"hard link to a removed file":    {file("bin/.wh.tool", ""), link("a", "bin/tool")},
		"hard link into a hidden folder": {dir("bin", 0o755), file("bin/.wh..wh..opq", ""), link("a", "bin/tool")},
		"hard link to a folder below":    {link("a", "tmp")},
		"into a file below":              {file("bin/tool/f", ""), link("b", "no")},
	} {
		archive := pack(t, items...)
		info, _, err := convert(t, archive, layer.Options{Limit: room})
		if err == nil {
			require.NotEmpty(t, info.Unfit, name)
			require.False(t, info.Alone(), name)
		}
		for _, images := range [][]string{nil, {below}} {
			lower, err := layer.OpenLower(images)
			require.NoError(t, err)
			_, _, err = convert(t, archive, layer.Options{Limit: room, Lower: lower})
			require.ErrorIs(t, err, errdefs.ErrInvalid, name)
			require.NoError(t, lower.Close())
		}
	}
}

func TestOpenLowerRefuses(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage")
	require.NoError(t, os.WriteFile(garbage, make([]byte, 8192), 0o600))
	for _, name := range []string{garbage, garbage + "-missing"} {
		l, err := layer.OpenLower([]string{name})
		require.Error(t, err)
		require.Nil(t, l)
	}
}
