// SPDX-License-Identifier: MIT OR Apache-2.0

package layer_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs/erofstest"
	"arcbox.dev/runtime/image/layer"
)

// Any bytes are either refused or give an image that can be read and is no larger
// than the limit allows.
func FuzzConvert(f *testing.F) {
	seed := func(items ...item) { f.Add(pack(f, items...)) }
	seed()
	seed(dir("./", 0o755), file("a", "x"), link("b", "a"), symlink("c", "a"), dir("d", 0o1777))
	seed(file("../a", "x"), file("/b", "y"), file("c/../../d", ""))
	seed(symlink("up", "../../.."), file("up/f", ""), symlink("a", "b"), symlink("b", "a"), file("a/f", ""))
	seed(file(".wh.a", ""), dir("a", 0o755), file("d/.wh..wh..opq", ""), file("d/.wh.x", ""), file(".wh.", ""), file(".wh...", ""))
	seed(file("a", "x"), file("a/b", "y"), dir("a", 0o755), file("a", "z"))
	seed(link("a", "missing"), link("b", "lower/file"), file("lower/new", ""), file("through/f", ""))
	seed(item{tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("long/", 300) + "f", PAXRecords: map[string]string{"SCHILY.xattr.user.x": "y", "SCHILY.xattr.trusted.overlay.redirect": "/"}}, ""})
	seed(item{Header: tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: 4096}}, item{Header: tar.Header{Typeflag: tar.TypeBlock, Name: "b", Devminor: 1 << 20}})
	f.Add(sparse(100 << 10))
	f.Add(sparse(1 << 60))
	f.Add(raw("f", '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ""))
	f.Add(raw("f", '0', "77777777777\x00", "short"))
	f.Add(pack(f, file("f", strings.Repeat("x", 5000)))[:2000])

	folder := f.TempDir()
	open := func(name string) *os.File {
		file, err := os.Create(filepath.Join(folder, name))
		require.NoError(f, err)
		f.Cleanup(func() { file.Close() })
		return file
	}
	out, temporary := open("image"), open("temporary")
	run := func(t *testing.T, data []byte, l *layer.Lower) (layer.Info, error) {
		for _, file := range []*os.File{out, temporary} {
			require.NoError(t, file.Truncate(0))
			_, err := file.Seek(0, io.SeekStart)
			require.NoError(t, err)
		}
		const limit = 1 << 20
		info, err := layer.Convert(context.Background(), bytes.NewReader(data), out, temporary, layer.Options{Limit: limit, Lower: l})
		if err != nil {
			require.Zero(t, info)
			return info, err
		}
		// Each entry costs an inode and a name, and takes at least 512 bytes to ask for.
		require.LessOrEqual(t, info.Size, int64(3*limit))
		tree := erofstest.Library(t, out.Name())
		require.Contains(t, tree, ".")
		return info, nil
	}
	base := pack(f, dir("lower", 0o755), file("lower/file", "x"), symlink("through", "lower"), symlink("loop", "loop"))
	_, image, err := convert(f, base, layer.Options{Limit: room})
	require.NoError(f, err)
	lower, err := layer.OpenLower([]string{image})
	require.NoError(f, err)
	f.Cleanup(func() { lower.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		alone, err := run(t, data, nil)
		if err != nil {
			return
		}
		on, err := run(t, data, lower)
		if err == nil {
			require.Equal(t, alone.DiffID, on.DiffID)
			require.Empty(t, on.Unfit)
		}
		if alone.Alone() {
			require.NoError(t, err)
		}
	})
}

func TestDecompress(t *testing.T) {
	text := strings.Repeat("contents ", 10000)
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	io.WriteString(g, text)
	require.NoError(t, g.Close())
	z, err := zstd.NewWriter(&zs)
	require.NoError(t, err)
	io.WriteString(z, text)
	require.NoError(t, z.Close())
	skippable := "\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
	for name, tc := range map[string]struct{ packed, want string }{
		"plain":               {text, text},
		"empty":               {"", ""},
		"short":               {"ab", "ab"},
		"gzip":                {gz.String(), text},
		"gzip twice":          {gz.String() + gz.String(), text + text},
		"zstd":                {zs.String(), text},
		"zstd after metadata": {skippable + zs.String(), text},
	} {
		r, err := layer.Decompress(strings.NewReader(tc.packed))
		require.NoError(t, err, name)
		got, err := io.ReadAll(r)
		require.NoError(t, err, name)
		require.Equal(t, tc.want, string(got), name)
		require.NoError(t, r.Close(), name)
	}
	for name, packed := range map[string]string{
		"gzip cut off":     gz.String()[:gz.Len()-5],
		"gzip damaged":     strings.Replace(gz.String(), gz.String()[20:30], "0123456789", 1),
		"zstd cut off":     zs.String()[:zs.Len()-5],
		"zstd wide window": "\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00", // asks for 1 TiB
	} {
		r, err := layer.Decompress(strings.NewReader(packed))
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		require.Error(t, err, name)
	}
}

// Decompress ends with an error or gives the stream; it does not panic.
func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00abc"))
	f.Add([]byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := layer.Decompress(bytes.NewReader(data))
		if err != nil {
			return
		}
		defer r.Close()
		io.Copy(io.Discard, io.LimitReader(r, 1<<20))
	})
}

// entries is an endless archive of empty files, made as it is read.
type entries struct {
	name func(i int) string
	left int
	made int
	buf  []byte
}

func (e *entries) Read(p []byte) (int, error) {
	if len(e.buf) == 0 {
		if e.made == e.left {
			return 0, io.EOF
		}
		e.buf = raw(e.name(e.made), '0', "", "")
		e.made++
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	return n, nil
}

func TestTooManyEntries(t *testing.T) {
	for left, want := range map[int]error{100: nil, 101: errdefs.ErrInvalid} {
		out, err := os.Create(filepath.Join(t.TempDir(), "image"))
		require.NoError(t, err)
		defer out.Close()
		same := &entries{name: func(int) string { return "same" }, left: left}
		_, err = layer.Convert(context.Background(), same, out, out, layer.Options{Limit: room, Entries: 100})
		require.ErrorIs(t, err, want)
	}
	// Directories that are only implied count too.
	_, _, err := convert(t, pack(t, file(strings.Repeat("d/", 100)+"f", "")), layer.Options{Limit: room, Entries: 100})
	require.ErrorContains(t, err, "too many files")
}
