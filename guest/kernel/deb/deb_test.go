// SPDX-License-Identifier: MIT OR Apache-2.0

package deb_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel/deb"
	"arcbox.dev/guest/kernel/deb/debtest"
)

// walk returns the files of a package.
func walk(data []byte) (map[string]string, error) {
	files := map[string]string{}
	err := deb.Walk(bytes.NewReader(data), func(name string, size int64, r io.Reader) error {
		content, err := io.ReadAll(r)
		if err == nil && int64(len(content)) != size {
			err = errors.New("the size is wrong")
		}
		files[name] = string(content)
		return err
	})
	return files, err
}

func TestWalk(t *testing.T) {
	files := []debtest.File{
		{Name: "./boot/vmlinuz", Content: "kernel"},
		{Name: "/lib/absolute", Content: "a"},
		{Name: "../../etc/passwd", Content: "b"},
		{Name: "./lib/empty"},
		{Name: "odd/size", Content: "123"},
	}
	want := map[string]string{"boot/vmlinuz": "kernel", "lib/absolute": "a", "etc/passwd": "b", "lib/empty": "", "odd/size": "123"}
	for _, compression := range []string{"", ".gz", ".xz", ".zst"} {
		t.Run("tar"+compression, func(t *testing.T) {
			data := debtest.Package(compression, files...)
			got, err := walk(data)
			require.NoError(t, err)
			require.Equal(t, want, got)

			for n := 0; n < len(data)-2; n += max(1, len(data)/200) {
				got, err := walk(data[:n])
				// The end of an archive may be cut off behind its last byte of content.
				if err == nil {
					require.Equal(t, want, got, "%d of %d bytes", n, len(data))
					continue
				}
				require.ErrorIs(t, err, deb.ErrFormat, "%d of %d bytes", n, len(data))
			}
		})
	}
}

func TestWalkEnds(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	err := deb.Walk(bytes.NewReader(debtest.Package("", debtest.File{Name: "a"}, debtest.File{Name: "b"})), func(string, int64, io.Reader) error {
		calls++
		return enough
	})
	require.ErrorIs(t, err, enough)
	require.Equal(t, 1, calls)
}

func TestBadPackages(t *testing.T) {
	version := debtest.Member{Name: "debian-binary", Content: []byte("2.0\n")}
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"no archive", []byte("#!/bin/sh\n")},
		{"no members", debtest.Archive()},
		{"another first member", debtest.Archive(debtest.Member{Name: "control.tar", Content: []byte("2.0\n")})},
		{"version 3", debtest.Archive(debtest.Member{Name: "debian-binary", Content: []byte("3.0\n")})},
		{"no data", debtest.Archive(version, debtest.Member{Name: "control.tar"})},
		{"unknown compression", debtest.Archive(version, debtest.Member{Name: "data.tar.lzma"})},
		{"not compressed as it says", debtest.Archive(version, debtest.Member{Name: "data.tar.xz", Content: []byte("plain")})},
		{"no tar", debtest.Archive(version, debtest.Member{Name: "data.tar", Content: bytes.Repeat([]byte("x"), 1024)})},
		{"endless member", append(debtest.Archive(version), debtest.Header("data.tar", math.MaxInt64)...)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := walk(tc.data)
			require.ErrorIs(t, err, deb.ErrFormat)
		})
	}
}

func FuzzWalk(f *testing.F) {
	for _, compression := range []string{"", ".gz", ".xz", ".zst"} {
		f.Add(debtest.Package(compression, debtest.File{Name: "a/b", Content: "c"}))
	}
	f.Add(debtest.Archive())
	f.Add(append(debtest.Archive(), debtest.Header("debian-binary", -1)...))
	f.Add(append(debtest.Archive(), debtest.Header("debian-binary", math.MaxInt64)...))
	f.Add([]byte("!<arch>\n" + string(bytes.Repeat([]byte(" "), 60))))
	f.Fuzz(func(t *testing.T, data []byte) {
		total := int64(0)
		_ = deb.Walk(bytes.NewReader(data), func(name string, _ int64, r io.Reader) error {
			require.NotEmpty(t, name)
			require.NotContains(t, "/"+name+"/", "/../")
			require.NotEqual(t, byte('/'), name[0])
			n, err := io.Copy(io.Discard, io.LimitReader(r, 1<<20))
			if total += n; total > 1<<20 {
				return errors.New("enough")
			}
			return err
		})
	})
}
