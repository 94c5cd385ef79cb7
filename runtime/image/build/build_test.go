// SPDX-License-Identifier: MIT OR Apache-2.0

package build_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/image/archive"
	"arcbox.dev/runtime/image/build"
	"arcbox.dev/runtime/image/layer"
)

// program is the least that counts as a Linux program.
func program(machine elf.Machine, segment elf.ProgType) []byte {
	h := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Ehsize: 64, Phoff: 64, Phentsize: 56, Phnum: 1,
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, h)
	binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(segment)})
	return b.Bytes()
}

// entries opens an archive of one image and lists the entries of its first layer.
func entries(t *testing.T, data []byte, arch string) (*archive.Image, map[string]tar.Header) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	a, err := archive.Open(context.Background(), path, t.TempDir(), 1<<30)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close() })
	i, err := a.Image(arch, func(string) bool { return false })
	require.NoError(t, err)
	blob, err := i.OpenLayer(i.Layers[0])
	require.NoError(t, err)
	defer blob.Close()
	unpacked, err := layer.Decompress(blob)
	require.NoError(t, err)
	out := map[string]tar.Header{}
	for r := tar.NewReader(unpacked); ; {
		h, err := r.Next()
		if err == io.EOF {
			return i, out
		}
		require.NoError(t, err)
		out[h.Name] = *h
	}
}

func ociArchive(t *testing.T, images ...build.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, build.OCIArchive(&b, images...))
	return b.Bytes()
}

func TestHello(t *testing.T) {
	for machine, arch := range map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64"} {
		image, err := build.Hello(program(machine, elf.PT_LOAD))
		require.NoError(t, err)
		i, files := entries(t, ociArchive(t, image), arch)
		require.Equal(t, []string{"arcbox/hello:latest"}, i.Names)
		require.Equal(t, []string{"/hello"}, i.Config.Config.Entrypoint)
		require.Equal(t, int64(0o755), files["hello"].Mode)
		require.Equal(t, int64(0o1777), files["tmp/"].Mode)
	}
}

func TestBusybox(t *testing.T) {
	image, err := build.Busybox(program(elf.EM_X86_64, elf.PT_LOAD), []string{"bin/busybox", "bin/sh", "usr/bin/wc", "/sbin/init", "linuxrc"})
	require.NoError(t, err)
	i, files := entries(t, ociArchive(t, image), "amd64")
	require.Equal(t, []string{"sh"}, i.Config.Config.Cmd)
	for _, name := range []string{"bin/sh", "usr/bin/wc", "sbin/init"} {
		require.Equal(t, "/bin/busybox", files[name].Linkname)
	}
	require.Equal(t, byte(tar.TypeReg), files["bin/busybox"].Typeflag)
	require.NotContains(t, files, "linuxrc")
	require.Equal(t, 1000, files["home/app/"].Uid)
}

func TestProgramsThatDoNotFit(t *testing.T) {
	for name, p := range map[string][]byte{
		"no program":      []byte("#!/bin/sh"),
		"not static":      program(elf.EM_X86_64, elf.PT_INTERP),
		"unknown machine": program(elf.EM_68K, elf.PT_LOAD),
		"nothing":         nil,
	} {
		_, err := build.Hello(p)
		require.Error(t, err, name)
		_, err = build.Busybox(p, nil)
		require.Error(t, err, name)
	}
}

// Equal input gives equal bytes, in every form.
func TestDeterminism(t *testing.T) {
	hello, err := build.Hello(program(elf.EM_X86_64, elf.PT_LOAD))
	require.NoError(t, err)
	for _, c := range []build.Compression{build.Gzip, build.Zstd, build.None} {
		hello.Compression = c
		require.Equal(t, ociArchive(t, hello), ociArchive(t, hello))
		var one, two bytes.Buffer
		require.NoError(t, build.DockerArchive(&one, hello))
		require.NoError(t, build.DockerArchive(&two, hello))
		require.Equal(t, one.Bytes(), two.Bytes())
	}
	hello.Compression = 9
	require.Error(t, build.OCIArchive(io.Discard, hello))
}

// What cannot be written is an error, not half an image.
func TestRefusals(t *testing.T) {
	bad := build.Image{Name: "x:1", Architecture: "amd64", Layers: []*build.Layer{new(build.Layer).File("a/", 0o644, nil)}}
	require.Error(t, build.OCIArchive(io.Discard, bad))
	require.Error(t, build.DockerArchive(io.Discard, bad))
	require.Error(t, build.OCILayout(t.TempDir(), bad))
	good := build.Image{Name: "x:1", Architecture: "amd64"}
	full := errors.New("full")
	require.ErrorIs(t, build.OCIArchive(refuser{full}, good), full)
	require.Error(t, build.OCILayout(filepath.Join(os.DevNull, "x"), good))
}

type refuser struct{ err error }

func (r refuser) Write([]byte) (int, error) { return 0, r.err }
