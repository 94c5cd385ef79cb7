// SPDX-License-Identifier: MIT OR Apache-2.0

package initramfs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/u-root/u-root/pkg/cpio"
)

// source writes a file on the host and returns its path.
func source(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// list reads an image back, one line an entry: mode, device, name and content.
func list(t *testing.T, image []byte) string {
	t.Helper()
	var out strings.Builder
	inodes := map[uint64]string{}
	err := cpio.ForEachRecord(cpio.EOFReader{RecordReader: cpio.Newc.Reader(bytes.NewReader(image))}, func(r cpio.Record) error {
		content := ""
		if r.FileSize > 0 {
			data, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			require.NoError(t, err)
			content = fmt.Sprintf(" %q", data)
		}
		require.Zero(t, r.UID|r.GID|r.MTime, r.Name)
		require.Empty(t, inodes[r.Ino], "%s is no hard link", r.Name)
		inodes[r.Ino] = r.Name
		fmt.Fprintf(&out, "%06o %d:%d %s%s\n", r.Mode, r.Rmajor, r.Rminor, r.Name, content)
		return nil
	})
	require.NoError(t, err)
	return out.String()
}

func TestBuild(t *testing.T) {
	spec := Spec{
		Init:    source(t, "agent", "agent"),
		Modules: []string{source(t, "z.ko", "first"), source(t, "a.ko", "second")},
		Files: []File{
			{Name: "/etc/hosts", Mode: 0o644, Content: []byte("127.0.0.1 localhost\n")},
			{Name: "bin/busybox", Mode: 0o755 | fs.ModeSetuid, Source: source(t, "busybox", "bb")},
			{Name: "bin/sh", Mode: fs.ModeSymlink | 0o777, Link: "busybox"},
			{Name: "dev/vda", Mode: fs.ModeDevice | 0o660, Major: 254, Minor: 3},
			{Name: "tmp", Mode: fs.ModeDir | 0o700},
			{Name: "empty", Mode: 0o600},
		},
	}
	want := strings.Join([]string{
		`040755 0:0 bin`,
		`104755 0:0 bin/busybox "bb"`,
		`120777 0:0 bin/sh "busybox"`,
		`040755 0:0 dev`,
		`020600 5:1 dev/console`,
		`020666 1:3 dev/null`,
		`060660 254:3 dev/vda`,
		`100600 0:0 empty`,
		`040755 0:0 etc`,
		`040755 0:0 etc/arcbox`,
		`100644 0:0 etc/arcbox/modules "/lib/modules/z.ko\n/lib/modules/a.ko\n"`,
		`100644 0:0 etc/hosts "127.0.0.1 localhost\n"`,
		`100755 0:0 init "agent"`,
		`040755 0:0 lib`,
		`040755 0:0 lib/modules`,
		`100644 0:0 lib/modules/a.ko "second"`,
		`100644 0:0 lib/modules/z.ko "first"`,
		`040555 0:0 proc`,
		`040755 0:0 run`,
		`040555 0:0 sys`,
		`040700 0:0 tmp`,
	}, "\n") + "\n"

	var first bytes.Buffer
	require.NoError(t, Build(&first, spec))
	require.Equal(t, want, list(t, first.Bytes()))

	for _, compression := range []Compression{Plain, Gzip, Zstd} {
		spec.Compression = compression
		var a, b bytes.Buffer
		require.NoError(t, Build(&a, spec))
		require.NoError(t, Build(&b, spec))
		require.True(t, bytes.Equal(a.Bytes(), b.Bytes()), "the same inputs give the same bytes")
		var r io.Reader = &a
		var err error
		switch compression {
		case Gzip:
			r, err = gzip.NewReader(&a)
		case Zstd:
			r, err = zstd.NewReader(&a)
		}
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(first.Bytes(), plain))
	}
}

func TestNoModulesNoList(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Build(&b, Spec{Init: source(t, "agent", "x")}))
	require.NotContains(t, list(t, b.Bytes()), "modules")
}

func TestBadSpecs(t *testing.T) {
	agent := source(t, "agent", "x")
	file := func(f File) Spec { return Spec{Init: agent, Files: []File{f}} }
	for _, tc := range []struct {
		name string
		spec Spec
		want string
	}{
		{"no init", Spec{}, "no init"},
		{"missing init", Spec{Init: agent + "-missing"}, "no such file"},
		{"init is a folder", Spec{Init: filepath.Dir(agent)}, "not a regular file"},
		{"missing module", Spec{Init: agent, Modules: []string{"/nowhere/a.ko"}}, "a.ko"},
		{"two modules of one name", Spec{Init: agent, Modules: []string{"/x/a.ko", "/y/a.ko"}}, "lib/modules/a.ko is given twice"},
		{"unknown compression", Spec{Init: agent, Compression: "rar"}, `unknown compression "rar"`},
		{"out of the root", file(File{Name: "../etc/passwd"}), "cannot be a name"},
		{"the root", file(File{Name: "/", Mode: fs.ModeDir}), "cannot be a name"},
		{"no name", file(File{}), "cannot be a name"},
		{"zero byte", file(File{Name: "a\x00b"}), "cannot be a name"},
		{"the trailer", file(File{Name: "TRAILER!!!"}), "cannot be a name"},
		{"init again", file(File{Name: "./init"}), "init is given twice"},
		{"below a file", file(File{Name: "init/x"}), "init/x is in init, which is no folder"},
		{"socket", file(File{Name: "s", Mode: fs.ModeSocket}), "no entry can have the mode"},
		{"link without a target", file(File{Name: "l", Mode: fs.ModeSymlink}), "has a target"},
		{"target without a link", file(File{Name: "l", Link: "x"}), "has a target"},
		{"folder with content", file(File{Name: "d", Mode: fs.ModeDir, Content: []byte("x")}), "content is for a regular file"},
		{"folder with a source", file(File{Name: "d", Mode: fs.ModeDir, Source: agent}), "only a regular file has a source"},
		{"source and content", file(File{Name: "f", Source: agent, Content: []byte("x")}), "content is for a regular file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, Build(io.Discard, tc.spec), tc.want)
			dir := t.TempDir()
			_, err := Cached(dir, tc.spec)
			require.ErrorContains(t, err, tc.want)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestSourceGrowsMeanwhile(t *testing.T) {
	r, w := io.Pipe()
	agent := source(t, "agent", strings.Repeat("x", 3<<20))
	done := make(chan error, 1)
	go func() {
		err := Build(w, Spec{Init: agent})
		w.CloseWithError(err)
		done <- err
	}()
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, 512) // the headers are written, the agent's content is not yet
	require.NoError(t, err)
	f, err := os.OpenFile(agent, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("more")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = io.Copy(&b, r)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.NotContains(t, list(t, b.Bytes()), "more")
}

func TestCached(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "initramfs")
	agent := source(t, "agent", "one")
	spec := Spec{Init: agent, Files: []File{{Name: "f", Mode: 0o644, Content: []byte("x")}}}
	time.Sleep(1100 * time.Millisecond) // until the agent's stamp is believed

	first, err := Cached(dir, spec)
	require.NoError(t, err)
	data, err := os.ReadFile(first)
	require.NoError(t, err)
	require.Contains(t, list(t, data), `init "one"`)
	before, err := os.Stat(first)
	require.NoError(t, err)

	again, err := Cached(dir, spec)
	require.NoError(t, err)
	require.Equal(t, first, again)
	after, err := os.Stat(again)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "it is not built twice")

	other := spec
	other.Files = []File{{Name: "f", Mode: 0o644, Content: []byte("y")}}
	second, err := Cached(dir, other)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	other = spec
	other.Compression = Gzip
	second, err = Cached(dir, other)
	require.NoError(t, err)
	require.NotEqual(t, first, second)

	// A change right after another is seen too.
	for _, content := range []string{"two", "six", "ten"} {
		require.NoError(t, os.WriteFile(agent, []byte(content), 0o755))
		path, err := Cached(dir, spec)
		require.NoError(t, err)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, list(t, data), fmt.Sprintf("init %q", content))
	}
}

func TestCachedConcurrently(t *testing.T) {
	dir := t.TempDir()
	spec := Spec{Init: source(t, "agent", strings.Repeat("x", 1<<20))}
	var want bytes.Buffer
	require.NoError(t, Build(&want, spec))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				path, err := Cached(dir, spec)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(want.Bytes(), got) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestCachedPrunes(t *testing.T) {
	dir := t.TempDir()
	agent := source(t, "agent", "x")
	spec := func(i int) Spec {
		return Spec{Init: agent, Files: []File{{Name: "f", Content: fmt.Append(nil, i)}}}
	}
	for i := range keep + 3 {
		path, err := Cached(dir, spec(i))
		require.NoError(t, err)
		long := time.Now().Add(-time.Hour - time.Duration(i)*time.Minute)
		require.NoError(t, os.Chtimes(path, long, long))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.LessOrEqual(t, len(entries), keep+1)
}

func BenchmarkCached(b *testing.B) {
	dir := b.TempDir()
	spec := Spec{Init: source(b, "agent", strings.Repeat("x", 6<<20))}
	time.Sleep(1100 * time.Millisecond)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Cached(dir, spec); err != nil {
			b.Fatal(err)
		}
	}
}
