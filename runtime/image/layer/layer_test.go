// SPDX-License-Identifier: MIT OR Apache-2.0

package layer_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs/erofstest"
	"arcbox.dev/runtime/image/layer"
)

func TestMain(m *testing.M) { os.Exit(erofstest.Main(m)) }

const room = 1 << 30 // bytes; no limit

// convert makes an image of an archive in a folder of its own.
func convert(t testing.TB, archive []byte, opt layer.Options) (layer.Info, string, error) {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "image"))
	require.NoError(t, err)
	defer out.Close()
	temporary, err := os.Create(filepath.Join(dir, "temporary"))
	require.NoError(t, err)
	defer temporary.Close()
	info, err := layer.Convert(context.Background(), bytes.NewReader(archive), out, temporary, opt)
	return info, out.Name(), err
}

// item is an entry of an archive.
type item struct {
	tar.Header
	data string
}

func dir(name string, mode int64) item {
	return item{Header: tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}}
}

func file(name, data string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, data}
}

func link(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}}
}

func symlink(name, target string) item {
	return item{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}}
}

// pack writes an archive.
func pack(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		h := i.Header
		h.Size = int64(len(i.data))
		require.NoError(t, w.WriteHeader(&h), h.Name)
		_, err := io.WriteString(w, i.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// brief describes a tree in a few words: a file's type and permissions, what it
// holds, whether it hides what is below.
func brief(tree erofstest.Tree) string {
	var b strings.Builder
	for _, p := range tree.Paths() {
		f := tree[p]
		fmt.Fprintf(&b, "%s %s%03o", p, map[uint32]string{1: "p", 2: "c", 4: "d", 6: "b", 8: "f", 10: "l"}[f.Mode>>12], f.Mode&0o7777)
		switch {
		case f.Rdev == "0:0" && f.Mode>>12 == 2:
			b.WriteString(" gone")
		case f.Rdev != "":
			b.WriteString(" " + f.Rdev)
		case f.Target != "":
			b.WriteString(" -> " + f.Target)
		case f.Mode>>12 == 8:
			fmt.Fprintf(&b, " %d", f.Size)
		}
		if f.Same != p {
			b.WriteString(" = " + f.Same)
		}
		if f.Xattrs["trusted.overlay.opaque"] == "y" {
			b.WriteString(" opaque")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestConvert(t *testing.T) {
	long := strings.Repeat("long/", 60) + strings.Repeat("n", 255)
	var deep []string
	for i := range 60 {
		deep = append(deep, fmt.Sprintf("%s d755\n", strings.TrimSuffix(strings.Repeat("long/", i+1), "/")))
	}
	for _, tc := range []struct {
		name  string
		items []item
		want  string // beside the root
	}{
		{name: "nothing"},
		{"prefixes", []item{dir("./", 0o755), dir("./a/", 0o700), file("./a/b", "x"), file("/c", "y"), file("//d//e/./f", "z")},
			"a d700\na/b f644 1\nc f644 1\nd d755\nd/e d755\nd/e/f f644 1\n"},
		{"parents missing", []item{file("a/b/c", "x"), dir("a", 0o711)}, "a d711\na/b d755\na/b/c f644 1\n"},
		{"dots within", []item{dir("a", 0o755), file("a/../b", "x"), file("a/./c/.", "y")}, "a d755\na/c f644 1\nb f644 1\n"},
		{"long name", []item{file(long, "x")}, strings.Join(deep, "") + long + " f644 1\n"},
		{"kinds", []item{
			{Header: tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3}},
			{Header: tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Mode: 0o660, Devmajor: 8, Devminor: 1 << 19}},
			{Header: tar.Header{Typeflag: tar.TypeFifo, Name: "fifo", Mode: 0o600}},
			{Header: tar.Header{Typeflag: tar.TypeCont, Name: "cont", Mode: 0o600}, data: "abc"},
			{Header: tar.Header{Typeflag: tar.TypeReg, Name: "su", Mode: 0o4755}},
			dir("tmp", 0o1777), symlink("sym", "/etc/passwd"),
		}, "cont f600 3\nfifo p600\nnull c666 1:3\nsda b660 8:524288\nsu f4755 0\nsym l777 -> /etc/passwd\ntmp d1777\n"},
		{"hard links", []item{file("a", "x"), link("b", "a"), link("d/c", "./b"), link("e", "/d/c")},
			"a f644 1\nb f644 1 = a\nd d755\nd/c f644 1 = a\ne f644 1 = a\n"},
		{"hard link to itself", []item{file("a", "x"), link("a", "a")}, "a f644 1\n"},
		{"hard link to a symbolic one", []item{symlink("s", "t"), link("h", "s")}, "h l777 -> t\ns l777 -> t = h\n"},
		{"first name goes", []item{file("a", "x"), link("b", "a"), file("a", "yy")}, "a f644 2\nb f644 1\n"},
		{"last entry wins", []item{file("a", "x"), file("a", "yyy"), dir("d", 0o700), file("d/f", ""), dir("d", 0o711)},
			"a f644 3\nd d711\nd/f f644 0\n"},
		{"folder for file", []item{file("a", "x"), dir("a", 0o755), file("a/b", "y")}, "a d755 opaque\na/b f644 1\n"},
		{"file for folder", []item{file("a/b/c", "x"), file("a", "y")}, "a f644 1\n"},
		{"symbolic link for folder", []item{file("a/b", "x"), symlink("a", "b")}, "a l777 -> b\n"},
		{"through a symbolic link", []item{dir("real", 0o755), symlink("link", "real"), file("link/f", "x")},
			"link l777 -> real\nreal d755\nreal/f f644 1\n"},
		{"symbolic links stay inside", []item{symlink("up", "../../../../x/.."), file("up/f", "1"), symlink("abs", "/"), file("abs/g", "2"), symlink("etc", "/out/there"), file("etc/h", "3")},
			"abs l777 -> /\netc l777 -> /out/there\nf f644 1\ng f644 1\nout d755\nout/there d755\nout/there/h f644 1\nup l777 -> ../../../../x/..\nx d755\n"},
		{"symbolic link is replaced, not followed", []item{symlink("a", "b"), file("a", "x")}, "a f644 1\n"},
		{"folder for symbolic link", []item{dir("b", 0o755), symlink("a", "b"), dir("a", 0o700)}, "a d700 opaque\nb d755\n"},
		{"whiteouts", []item{dir("d", 0o755), file("d/.wh.x", ""), file(".wh.y", ""), file("m/.wh.z", "")},
			"d d755\nd/x c000 gone\nm d755\nm/z c000 gone\ny c000 gone\n"},
		{"device that is a whiteout", []item{{Header: tar.Header{Typeflag: tar.TypeChar, Name: "d/x", Mode: 0o666}}, file("d/y", ""), {Header: tar.Header{Typeflag: tar.TypeChar, Name: "d/y"}}},
			"d d755\nd/x c000 gone\nd/y f644 0\n"},
		{"opaque", []item{dir("d", 0o755), file("d/.wh..wh..opq", ""), file("d/f", "x"), file("n/.wh..wh..opq", "")},
			"d d755 opaque\nd/f f644 1\nn d755 opaque\n"},
		{"opaque later", []item{dir("d", 0o755), file("d/f", "x"), file("d/.wh..wh..opq", ""), dir("d", 0o711)},
			"d d711 opaque\nd/f f644 1\n"},
		{"opaque root", []item{file(".wh..wh..opq", ""), file("f", "x")}, "f f644 1\n"},
		{"other marks", []item{file(".wh..wh.plnk", ""), file(".wh..wh.aufs", "")}, ""},
		{"whiteout and file", []item{file(".wh.a", ""), file("a", "x"), file("b", "x"), file(".wh.b", "")}, "a f644 1\nb f644 1\n"},
		{"whiteout and folder", []item{file(".wh.a", ""), dir("a", 0o700), dir("b", 0o711), file(".wh.b", "")},
			"a d700 opaque\nb d711 opaque\n"},
		{"whiteout and what is in it", []item{file(".wh.a", ""), file("a/f", "x")}, "a d755 opaque\na/f f644 1\n"},
		{"whiteout twice", []item{file(".wh.a", ""), file(".wh.a", "")}, "a c000 gone\n"},
		{"comments of git", []item{{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "c"}}}, file("a", "x")}, "a f644 1\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			archive := pack(t, tc.items...)
			info, image, err := convert(t, archive, layer.Options{Limit: room})
			require.NoError(t, err)
			require.Equal(t, "sha256:"+erofstest.Sum(archive), info.DiffID)
			got := brief(erofstest.Read(t, image))
			root, rest, _ := strings.Cut(got, "\n")
			want := ". d755"
			if strings.Contains(tc.name, "opaque root") {
				want += " opaque"
			}
			require.Equal(t, want, root)
			require.Equal(t, tc.want, rest)
			require.Equal(t, strings.HasSuffix(root, "opaque"), info.Opaque)
		})
	}
}

// Every attribute of a file comes through.
func TestAttributes(t *testing.T) {
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	at := time.Unix(1700000000, 123456789)
	records := map[string]string{
		"SCHILY.xattr.security.capability":    capability,
		"SCHILY.xattr.user.note":              "n",
		"SCHILY.xattr.user.odd name:\xc3\xa4": "odd",
		"SCHILY.xattr.trusted.overlay.opaque": "y",            // not the image's to say
		"SCHILY.xattr.com.apple.quarantine":   "no namespace", // not Linux's
		"LIBARCHIVE.xattr.user.note":          "bg==",
		"VENDOR.other":                        "x",
	}
	archive := pack(t,
		item{tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700, Uid: 5, Gid: 6, ModTime: at, Format: tar.FormatPAX}, ""},
		item{tar.Header{Typeflag: tar.TypeReg, Name: "f", Mode: 0o106755, Uid: math.MaxUint32 - 1, Gid: 3000000000, ModTime: at, PAXRecords: records, Format: tar.FormatPAX}, "data"},
		item{tar.Header{Typeflag: tar.TypeDir, Name: "d", Mode: 0o755, ModTime: time.Unix(-10, 5), PAXRecords: records, Format: tar.FormatPAX}, ""},
		item{tar.Header{Typeflag: tar.TypeFifo, Name: "p", Mode: 0o600, Uid: 1 << 22, ModTime: time.Unix(0, 0), Format: tar.FormatGNU}, ""},
		item{tar.Header{Typeflag: tar.TypeReg, Name: "implied/f", Mode: 0o600, ModTime: at, Format: tar.FormatPAX}, ""},
	)
	_, image, err := convert(t, archive, layer.Options{Limit: room})
	require.NoError(t, err)
	xattrs := map[string]string{"security.capability": capability, "user.note": "n", "user.odd name:\xc3\xa4": "odd"}
	erofstest.Equal(t, erofstest.Tree{
		".":         {Mode: 0o040700, UID: 5, GID: 6, Mtime: "1700000000.123456789", Same: "."},
		"f":         {Mode: 0o106755, UID: math.MaxUint32 - 1, GID: 3000000000, Mtime: "1700000000.123456789", Size: 4, Nlink: 1, Sum: erofstest.Sum([]byte("data")), Xattrs: xattrs, Same: "f"},
		"d":         {Mode: 0o040755, Mtime: "-10.000000005", Xattrs: xattrs, Same: "d"},
		"p":         {Mode: 0o010600, UID: 1 << 22, Mtime: "0.000000000", Nlink: 1, Same: "p"},
		"implied":   {Mode: 0o040755, Mtime: "1700000000.123456789", Same: "implied"},
		"implied/f": {Mode: 0o100600, Mtime: "1700000000.123456789", Nlink: 1, Sum: erofstest.Sum(nil), Same: "implied/f"},
	}, erofstest.Read(t, image))
}

func TestHostileArchives(t *testing.T) {
	good := pack(t, dir("d", 0o755), file("d/f", strings.Repeat("x", 5000)))
	header := func(h tar.Header, size int64) []byte { // a header without its data
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Size = size
		require.NoError(t, w.WriteHeader(&h))
		return b.Bytes()
	}
	loop := []item{symlink("a", "b"), symlink("b", "a"), file("a/f", "")}
	var deep []item // each link doubles the depth
	deep = append(deep, dir(strings.Repeat("d/", 1500), 0o755), symlink("s", strings.Repeat("d/", 1500)), file("s/"+strings.Repeat("e/", 1500)+"f", ""))
	var way []item // few links, but long ones
	for i := range 10 {
		way = append(way, symlink(fmt.Sprintf("w%d", i), strings.Repeat("./", 2000)+fmt.Sprintf("w%d", i+1)))
	}
	fan := []item{dir("x", 0o755)}
	for i := range 60 {
		fan = append(fan, symlink(fmt.Sprintf("l%d", i), fmt.Sprintf("l%d/l%d", i+1, i+1)))
	}
	fan = append(fan, file("l0/f", ""))
	patched := func(at int, b byte) []byte {
		p := bytes.Clone(good)
		p[at] ^= b
		return p
	}
	for _, tc := range []struct {
		name    string
		archive []byte
		want    error
	}{
		{"parent of the root", pack(t, file("../f", "")), errdefs.ErrInvalid},
		{"parent in the middle", pack(t, file("a/../../f", "")), errdefs.ErrInvalid},
		{"parent alone", pack(t, dir("..", 0o755)), errdefs.ErrInvalid},
		{"absolute parent", pack(t, file("/../f", "")), errdefs.ErrInvalid},
		{"hard link out", pack(t, link("a", "../../etc/passwd")), errdefs.ErrInvalid},
		{"hard link to a folder", pack(t, dir("d", 0o755), link("a", "d")), errdefs.ErrInvalid},
		{"hard link to the root", pack(t, link("a", "/")), errdefs.ErrInvalid},
		{"root as a file", pack(t, file(".", "x")), errdefs.ErrInvalid},
		{"root as a link", pack(t, symlink("./.", "x")), errdefs.ErrInvalid},
		{"below a file", pack(t, file("a", ""), file("a/b", "")), errdefs.ErrInvalid},
		{"long component", pack(t, file(strings.Repeat("n", 256), "")), errdefs.ErrInvalid},
		{"long component in a target", pack(t, symlink("a", strings.Repeat("n", 256)), file("a/f", "")), errdefs.ErrInvalid},
		{"long name", pack(t, file(strings.Repeat("n/", 2100)+"f", "")), errdefs.ErrInvalid},
		{"long target", pack(t, symlink("a", strings.Repeat("t", 4096))), errdefs.ErrInvalid},
		{"empty target", header(tar.Header{Typeflag: tar.TypeSymlink, Name: "a"}, 0), errdefs.ErrInvalid},
		{"loop of links", pack(t, loop...), errdefs.ErrInvalid},
		{"fan of links", pack(t, fan...), errdefs.ErrInvalid},
		{"too deep", pack(t, deep...), errdefs.ErrInvalid},
		{"long way", pack(t, append(way, file("w0/f", ""))...), errdefs.ErrInvalid},
		{"whiteout of nothing", pack(t, file("d/.wh.", "")), errdefs.ErrInvalid},
		{"whiteout of a dot", pack(t, file("d/.wh..", "")), errdefs.ErrInvalid},
		{"whiteout of the parent", pack(t, file("d/.wh...", "")), errdefs.ErrInvalid},
		{"device number", pack(t, item{Header: tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: 4096}}), errdefs.ErrInvalid},
		{"user number", pack(t, item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Uid: math.MaxUint32}}), errdefs.ErrInvalid},
		{"group number", pack(t, item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", Gid: -1}}), errdefs.ErrInvalid},
		{"type of entry", patchedType(t, 'V'), errdefs.ErrInvalid},
		{"attribute too large", pack(t, item{Header: tar.Header{Typeflag: tar.TypeReg, Name: "f", PAXRecords: map[string]string{"SCHILY.xattr.user.x": strings.Repeat("v", 65536)}}}), errdefs.ErrInvalid},
		{"ends in a file", good[:2000], errdefs.ErrCorrupt},
		{"ends in a header", good[:700], errdefs.ErrCorrupt},
		{"damaged header", patched(520, 0xff), errdefs.ErrCorrupt},
		{"no archive", []byte(strings.Repeat("words ", 1000)), errdefs.ErrCorrupt},
		{"negative size", raw("f", '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""), errdefs.ErrCorrupt},
		{"more than there is room", header(tar.Header{Typeflag: tar.TypeReg, Name: "f"}, 1<<40), errdefs.ErrExhausted},
		{"all in all more than room", pack(t, file("a", strings.Repeat("x", 600)), file("b", strings.Repeat("x", 600))), errdefs.ErrExhausted},
		{"trailing bytes without end", append(bytes.Clone(good), make([]byte, 1<<20)...), errdefs.ErrExhausted},
		{"sparse beyond all", sparse(1 << 60), errdefs.ErrExhausted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limit := int64(room)
			if tc.want == errdefs.ErrExhausted {
				limit = 1000
			}
			nothing, err := layer.OpenLower(nil)
			require.NoError(t, err)
			info, _, err := convert(t, tc.archive, layer.Options{Limit: limit, Lower: nothing})
			require.ErrorIs(t, err, tc.want)
			require.Zero(t, info)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// patchedType is an archive with an entry of some type.
func patchedType(t testing.TB, typ byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: typ, Name: "x", Format: tar.FormatGNU}))
	return b.Bytes()
}

// sparse is a GNU sparse archive (PAX, version 1.0) of one file that ends in a hole.
func sparse(size int64) []byte {
	sparseMap := fmt.Sprintf("1\n0\n3\n%s", strings.Repeat("\x00", 512-6))
	records := pax("GNU.sparse.major", "1") + pax("GNU.sparse.minor", "0") + pax("GNU.sparse.name", "sparse") + pax("GNU.sparse.realsize", fmt.Sprint(size))
	return slices.Concat(raw("pax", 'x', "", records), raw("GNUSparseFile.0/sparse", '0', "", sparseMap+"abc"), make([]byte, 1024))
}

// raw is an entry, made by hand. Its size field may lie.
func raw(name string, typ byte, size, data string) []byte {
	h := make([]byte, 512, 1024+len(data))
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	if size == "" {
		size = fmt.Sprintf("%011o\x00", len(data))
	}
	copy(h[124:], size)
	copy(h[136:], "00000000000\x00")
	h[156] = typ
	copy(h[257:], "ustar\x0000")
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	h = append(h, data...)
	return append(h, make([]byte, (512-len(data)%512)%512)...)
}

func pax(key, value string) string {
	n := len(key) + len(value) + 3
	for len(fmt.Sprint(n))+len(key)+len(value)+3 != n {
		n = len(fmt.Sprint(n)) + len(key) + len(value) + 3
	}
	return fmt.Sprintf("%d %s=%s\n", n, key, value)
}

func TestSparseFile(t *testing.T) {
	_, image, err := convert(t, sparse(100<<20), layer.Options{Limit: room})
	require.NoError(t, err)
	want := make([]byte, 100<<20)
	copy(want, "abc")
	f := erofstest.Read(t, image)["sparse"]
	require.Equal(t, int64(len(want)), f.Size)
	require.Equal(t, erofstest.Sum(want), f.Sum)
}

// Cancelling ends it, and is not taken for damage.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "image"))
	require.NoError(t, err)
	defer out.Close()
	got, err := layer.Convert(ctx, bytes.NewReader(pack(t, file("a", "x"))), out, out, layer.Options{Limit: room})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, errdefs.ErrCorrupt)
	require.Zero(t, got)
}
