// SPDX-License-Identifier: MIT OR Apache-2.0

package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/archive"
	"arcbox.dev/runtime/image/build"
	"arcbox.dev/runtime/image/layer"
)

const (
	here = "amd64" // the architecture that tests ask for
	room = 1 << 30
)

// simple is an image of two layers.
func simple(name, arch string) build.Image {
	return build.Image{
		Name:         name,
		Architecture: arch,
		Config:       v1.Config{Cmd: []string{arch, name}},
		Layers:       []*build.Layer{new(build.Layer).File("a", 0o644, []byte(arch)), new(build.Layer).File("b", 0o644, []byte("b"))},
	}
}

// written returns what a function writes.
func written(t testing.TB, write func(w io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.Bytes()
}

func ociArchive(t testing.TB, images ...build.Image) []byte {
	return written(t, func(w io.Writer) error { return build.OCIArchive(w, images...) })
}

func dockerArchive(t testing.TB, images ...build.Image) []byte {
	return written(t, func(w io.Writer) error { return build.DockerArchive(w, images...) })
}

func gzipped(t testing.TB, data []byte) []byte {
	return written(t, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		z.Write(data)
		return z.Close()
	})
}

func zstandard(t testing.TB, data []byte) []byte {
	return written(t, func(w io.Writer) error {
		z, err := zstd.NewWriter(w)
		require.NoError(t, err)
		z.Write(data)
		return z.Close()
	})
}

// save puts data into a file.
func save(t testing.TB, data []byte) string {
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// files returns the files of an archive.
func files(t testing.TB, data []byte) map[string]string {
	out := map[string]string{}
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		if h.Typeflag == tar.TypeReg {
			out[h.Name] = string(body)
		}
	}
}

// packed makes an archive of files. A value of "-> x" makes a symbolic link to x, and
// one of "= x" a hard link.
func packed(t testing.TB, files map[string]string) []byte {
	return written(t, func(w io.Writer) error {
		out := tar.NewWriter(w)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))}
			if to, ok := strings.CutPrefix(files[name], "-> "); ok {
				h = tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
			} else if to, ok := strings.CutPrefix(files[name], "= "); ok {
				h = tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
			}
			require.NoError(t, out.WriteHeader(&h))
			if h.Size > 0 {
				_, err := io.WriteString(out, files[name])
				require.NoError(t, err)
			}
		}
		return out.Close()
	})
}

// open returns the image that an archive holds for here.
func open(t testing.TB, path string, match func(string) bool) (*archive.Archive, *archive.Image, error) {
	t.Helper()
	if match == nil {
		match = func(string) bool { return false }
	}
	a, err := archive.Open(context.Background(), path, t.TempDir(), room)
	if err != nil {
		require.Nil(t, a)
		return nil, nil, err
	}
	t.Cleanup(func() { a.Close() })
	i, err := a.Image(here, match)
	if err != nil {
		require.Nil(t, i)
	}
	return a, i, err
}

// requireLayers reads the layers and compares their digests.
func requireLayers(t testing.TB, i *archive.Image) {
	t.Helper()
	for _, l := range i.Layers {
		r, err := i.OpenLayer(l)
		require.NoError(t, err)
		unpacked, err := layer.Decompress(r)
		require.NoError(t, err)
		data, err := io.ReadAll(unpacked)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, l.DiffID, digest(string(data)))
	}
}

func digest(data string) v1.Hash {
	sum := sha256.Sum256([]byte(data))
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

func TestForms(t *testing.T) {
	image := simple("some/name:1", here)
	oci, docker := ociArchive(t, image), dockerArchive(t, image)
	both := files(t, oci)
	maps.Copy(both, files(t, docker))
	linked := files(t, docker)
	for name, data := range linked { // as docker saved layers that are the same
		if strings.HasSuffix(name, "layer.tar") {
			linked["store/"+filepath.Dir(name)] = data
			linked[name] = "-> ../store/" + filepath.Dir(name)
		}
	}
	hard := maps.Clone(linked)
	for name, data := range hard {
		if to, ok := strings.CutPrefix(data, "-> ../"); ok {
			hard[name] = "= " + to
		}
	}
	dotted := map[string]string{}
	for name, data := range files(t, oci) {
		dotted["./"+name] = data
	}
	layout := t.TempDir()
	require.NoError(t, build.OCILayout(layout, image))
	unnamed := image
	unnamed.Name = ""
	plain := image
	plain.Compression = build.None
	zs := image
	zs.Compression = build.Zstd
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err == nil {
			f.Write(oci)
			f.Close()
		}
	}()
	for _, tc := range []struct {
		name, path string
		want       []string
	}{
		{"layout", layout, []string{image.Name}},
		{"OCI", save(t, oci), []string{image.Name}},
		{"OCI with dots", save(t, packed(t, dotted)), []string{image.Name}},
		{"OCI, gzip", save(t, gzipped(t, oci)), []string{image.Name}},
		{"OCI, zstd", save(t, zstandard(t, oci)), []string{image.Name}},
		{"OCI, plain layers", save(t, ociArchive(t, plain)), []string{image.Name}},
		{"OCI, zstd layers", save(t, ociArchive(t, zs)), []string{image.Name}},
		{"OCI from a pipe", pipe, []string{image.Name}},
		{"no name", save(t, ociArchive(t, unnamed)), nil},
		{"docker", save(t, docker), []string{image.Name}},
		{"docker, gzip", save(t, gzipped(t, docker)), []string{image.Name}},
		{"docker with symbolic links", save(t, packed(t, linked)), []string{image.Name}},
		{"docker with hard links", save(t, packed(t, hard)), []string{image.Name}},
		{"docker and OCI", save(t, packed(t, both)), []string{image.Name}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, i, err := open(t, tc.path, nil)
			require.NoError(t, err)
			require.Equal(t, tc.want, i.Names)
			require.Equal(t, image.Config.Cmd, i.Config.Config.Cmd)
			require.Len(t, i.Layers, 2)
			requireLayers(t, i)
			require.Equal(t, !strings.HasPrefix(tc.name, "docker,") && tc.name != "docker" && !strings.Contains(tc.name, "links"), i.ID != i.Digest)
		})
	}
}

func TestPlatforms(t *testing.T) {
	windows := simple("x:1", here)
	windows.OS = "windows"
	silent := simple("x:1", "") // says nothing of where it runs
	attested := files(t, ociArchive(t, simple("x:1", here)))
	index(t, attested, func(m *v1.IndexManifest) {
		extra := m.Manifests[0]
		extra.Digest = digest("missing")
		extra.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
		extra.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
		m.Manifests = append([]v1.Descriptor{extra}, m.Manifests...)
	})
	bare := files(t, ociArchive(t, simple("x:1", "s390x"))) // the platform only in the configuration
	index(t, bare, func(m *v1.IndexManifest) { m.Manifests[0].Platform = nil })
	flat := files(t, ociArchive(t, simple("", "arm64"), simple("", here)))
	inner := files(t, ociArchive(t, simple("", here)))
	maps.Copy(flat, inner)
	index(t, flat, func(m *v1.IndexManifest) {
		var arm v1.IndexManifest
		require.NoError(t, json.Unmarshal([]byte(files(t, ociArchive(t, simple("", "arm64")))["index.json"]), &arm))
		m.Manifests = append(arm.Manifests, m.Manifests...)
	})
	leveled := files(t, ociArchive(t, simple("x:1", here)))
	index(t, leveled, func(m *v1.IndexManifest) {
		special := m.Manifests[0]
		special.Digest = digest("nobody reads this")
		special.Platform = &v1.Platform{OS: "linux", Architecture: here, Variant: "v3"}
		m.Manifests = append([]v1.Descriptor{special}, m.Manifests...)
	})
	for _, tc := range []struct {
		name string
		data []byte
		want string // the error, or ""
	}{
		{"one of several", ociArchive(t, simple("x:1", "arm64"), simple("x:1", here), simple("x:1", "riscv64")), ""},
		{"beside an attestation", packed(t, attested), ""},
		{"flat index", packed(t, flat), ""},
		{"plainest variant", packed(t, leveled), ""},
		{"unsaid", ociArchive(t, silent), ""},
		{"another", ociArchive(t, simple("x:1", "arm64")), "image is for linux/arm64, this host needs linux/amd64"},
		{"others", ociArchive(t, simple("x:1", "riscv64"), simple("x:1", "arm64")), "image is for linux/arm64, linux/riscv64, this host needs linux/amd64"},
		{"another, by its configuration", packed(t, bare), "image is for linux/s390x, this host"},
		{"another, docker", dockerArchive(t, simple("x:1", "arm64")), "image is for linux/arm64, this host"},
		{"another system", ociArchive(t, windows), "image is for windows/amd64, this host needs linux/amd64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, i, err := open(t, save(t, tc.data), nil)
			if tc.want == "" {
				require.NoError(t, err)
				require.Contains(t, []string{here, ""}, i.Config.Architecture)
				requireLayers(t, i)
				return
			}
			require.ErrorIs(t, err, errdefs.ErrInvalid)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// index changes an archive's index.json.
func index(t testing.TB, files map[string]string, change func(*v1.IndexManifest)) {
	var m v1.IndexManifest
	require.NoError(t, json.Unmarshal([]byte(files["index.json"]), &m))
	change(&m)
	data, err := json.Marshal(m)
	require.NoError(t, err)
	files["index.json"] = string(data)
}

func TestSeveralImages(t *testing.T) {
	images := []build.Image{simple("one:1", here), simple("two:2", here), simple("two:3", here)}
	two := func(name string) bool { return name == "two:2" }
	for name, data := range map[string][]byte{"OCI": ociArchive(t, images...), "docker": dockerArchive(t, images...)} {
		t.Run(name, func(t *testing.T) {
			_, i, err := open(t, save(t, data), two)
			require.NoError(t, err)
			require.Equal(t, []string{"two:2"}, i.Names)
			require.Equal(t, []string{here, "two:2"}, i.Config.Config.Cmd)
			_, _, err = open(t, save(t, data), nil)
			require.ErrorIs(t, err, errdefs.ErrInvalid)
			require.ErrorContains(t, err, "holds 3 images: one:1, two:2, two:3")
		})
	}
}

// The same manifest under several annotations is one image with several names.
func TestNames(t *testing.T) {
	f := files(t, ociArchive(t, simple("one:1", here)))
	index(t, f, func(m *v1.IndexManifest) {
		d := m.Manifests[0]
		d.Annotations = map[string]string{"io.containerd.image.name": "example.com/two:2", "org.opencontainers.image.ref.name": "2"}
		m.Manifests = append(m.Manifests, d)
	})
	_, i, err := open(t, save(t, packed(t, f)), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"one:1", "example.com/two:2"}, i.Names)
}
