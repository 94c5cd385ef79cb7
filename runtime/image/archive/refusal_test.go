// SPDX-License-Identifier: MIT OR Apache-2.0

package archive_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/archive"
	"arcbox.dev/runtime/image/build"
)

func TestRefusals(t *testing.T) {
	good := ociArchive(t, simple("x:1", here))
	edited := func(edit func(f map[string]string)) []byte {
		f := files(t, good)
		edit(f)
		return packed(t, f)
	}
	// remade is an image with another manifest, correctly named.
	remade := func(change func(*v1.Manifest)) []byte {
		return edited(func(f map[string]string) {
			index(t, f, func(i *v1.IndexManifest) {
				var m v1.Manifest
				require.NoError(t, json.Unmarshal([]byte(f[blob(i.Manifests[0])]), &m))
				change(&m)
				data, err := json.Marshal(m)
				require.NoError(t, err)
				i.Manifests[0].Digest = digest(string(data))
				f[blob(i.Manifests[0])] = string(data)
			})
		})
	}
	first := func(f map[string]string) (d v1.Descriptor) {
		index(t, f, func(i *v1.IndexManifest) { d = i.Manifests[0] })
		return d
	}
	// nested wraps the index into others.
	nested := func(depth int) []byte {
		return edited(func(f map[string]string) {
			for range depth {
				data := f["index.json"]
				f["blobs/sha256/"+digest(data).Hex] = data
				index(t, f, func(i *v1.IndexManifest) {
					i.Manifests = []v1.Descriptor{{MediaType: types.OCIImageIndex, Digest: digest(data)}}
				})
			}
		})
	}
	docker := func(list string) []byte {
		f := files(t, dockerArchive(t, simple("x:1", here)))
		f["manifest.json"] = list
		return packed(t, f)
	}
	for _, tc := range []struct {
		name string
		data []byte
		want error
		text string
	}{
		{"empty file", nil, errdefs.ErrInvalid, "not an image"},
		{"text", []byte(strings.Repeat("some words\n", 200)), errdefs.ErrInvalid, "not an image"},
		{"short text", []byte("x"), errdefs.ErrInvalid, "not an image"},
		{"archive of other things", packed(t, map[string]string{"a": "b"}), errdefs.ErrInvalid, "not an image"},
		{"compressed text", gzipped(t, []byte("words")), errdefs.ErrInvalid, "not an image"},
		{"gzip cut off", gzipped(t, good)[:200], errdefs.ErrCorrupt, "ends early"},
		{"gzip header alone", gzipped(t, good)[:5], errdefs.ErrCorrupt, ""},
		{"zstd cut off", zstandard(t, good)[:100], errdefs.ErrCorrupt, "ends early"},
		{"cut off in a file", good[:1700], errdefs.ErrCorrupt, "ends early"},
		{"cut off in a header", good[:1024+100], errdefs.ErrCorrupt, "ends early"},
		{"no layout file", edited(func(f map[string]string) { delete(f, "oci-layout") }), errdefs.ErrInvalid, "oci-layout"},
		{"index damaged", edited(func(f map[string]string) { f["index.json"] = "{" }), errdefs.ErrCorrupt, "index.json"},
		{"index of nothing", edited(func(f map[string]string) { f["index.json"] = "{}" }), errdefs.ErrInvalid, "holds no image"},
		{"index too large", edited(func(f map[string]string) { f["index.json"] += strings.Repeat(" ", 8<<20) }), errdefs.ErrInvalid, "larger than"},
		{"digest of no kind", edited(func(f map[string]string) {
			f["index.json"] = `{"manifests":[{"digest":"md5:../../etc/passwd"}]}`
		}), errdefs.ErrCorrupt, "index.json"},
		{"digest that leads out", edited(func(f map[string]string) {
			f["index.json"] = `{"manifests":[{"digest":"sha256:../../../../etc/passwd"}]}`
		}), errdefs.ErrCorrupt, "index.json"},
		{"manifest missing", edited(func(f map[string]string) { delete(f, blob(first(f))) }), errdefs.ErrCorrupt, "lacks blob"},
		{"manifest changed", edited(func(f map[string]string) { f[blob(first(f))] += " " }), errdefs.ErrCorrupt, "damaged"},
		{"manifest of nothing", remade(func(m *v1.Manifest) { *m = v1.Manifest{} }), errdefs.ErrCorrupt, ""},
		{"configuration missing", remade(func(m *v1.Manifest) { m.Config.Digest = digest("no") }), errdefs.ErrCorrupt, "lacks blob"},
		{"configuration that is none", remade(func(m *v1.Manifest) { m.Config = m.Layers[0]; m.Config.MediaType = types.OCIConfigJSON }), errdefs.ErrCorrupt, "parsing configuration"},
		{"other thing than an image", remade(func(m *v1.Manifest) { m.Config.MediaType = "application/vnd.example.chart+json" }), errdefs.ErrInvalid, "no container image"},
		{"artifact", remade(func(m *v1.Manifest) { m.ArtifactType = "application/example" }), errdefs.ErrInvalid, "no container image"},
		{"layers too few", remade(func(m *v1.Manifest) { m.Layers = m.Layers[:1] }), errdefs.ErrInvalid, "1 layers"},
		{"layer encrypted", remade(func(m *v1.Manifest) { m.Layers[0].MediaType += "+encrypted" }), errdefs.ErrNotSupported, "encrypted"},
		{"schema 1", edited(func(f map[string]string) {
			index(t, f, func(i *v1.IndexManifest) { i.Manifests[0].MediaType = types.DockerManifestSchema1 })
		}), errdefs.ErrNotSupported, "schema 1"},
		{"nested", nested(3), nil, ""},
		{"nested too deep", nested(5), errdefs.ErrInvalid, "nests"},
		{"more manifests than anyone has", edited(func(f map[string]string) {
			index(t, f, func(i *v1.IndexManifest) {
				for len(i.Manifests) < 2000 {
					i.Manifests = append(i.Manifests, i.Manifests...)
				}
			})
		}), errdefs.ErrInvalid, "manifests"},
		{"more members than anyone has", crowd(t), errdefs.ErrInvalid, "members"},
		{"loop of links", packed(t, map[string]string{"index.json": "-> oci-layout", "oci-layout": "-> index.json"}), errdefs.ErrCorrupt, "link"},
		{"link out", packed(t, map[string]string{"index.json": "-> ../../../etc/passwd"}), errdefs.ErrInvalid, "not an image"},
		{"docker, list damaged", docker("["), errdefs.ErrCorrupt, "manifest.json"},
		{"docker, list of nothing", docker("[]"), errdefs.ErrInvalid, "holds no image"},
		{"docker, null", docker("[null]"), errdefs.ErrCorrupt, ""},
		{"docker, configuration missing", docker(`[{"Config":"x.json","Layers":["a"]}]`), errdefs.ErrCorrupt, "lacks configuration"},
		{"docker, configuration out", docker(`[{"Config":"../../../etc/passwd","Layers":["a"]}]`), errdefs.ErrCorrupt, "lacks configuration"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := save(t, tc.data)
			_, i, err := open(t, path, nil)
			if tc.want == nil {
				require.NoError(t, err)
				requireLayers(t, i)
				return
			}
			require.ErrorIs(t, err, tc.want)
			require.ErrorContains(t, err, tc.text)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func blob(d v1.Descriptor) string { return "blobs/sha256/" + d.Digest.Hex }

// crowd is an archive of very many empty members.
func crowd(t testing.TB) []byte {
	return written(t, func(w io.Writer) error {
		out := tar.NewWriter(w)
		for i := range 1<<16 + 1 {
			require.NoError(t, out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(i)}))
		}
		return out.Close()
	})
}

// An archive that leaves out the zeros of its files would be read wrongly.
func TestSparseArchive(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skipf("nothing makes sparse archives: %v (install GNU tar)", err)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(dir, "index.json"), 1<<20))
	for _, format := range []string{"gnu", "pax"} {
		path := filepath.Join(dir, format+".tar")
		out, err := exec.Command(program, "--sparse", "--format="+format, "-C", dir, "-cf", path, "index.json").CombinedOutput()
		require.NoError(t, err, "%s", out)
		_, _, err = open(t, path, nil)
		require.ErrorIs(t, err, errdefs.ErrInvalid, format)
		require.ErrorContains(t, err, "--sparse", format)
	}
}

// A configuration that docker named by its digest is checked.
func TestDockerConfigurationDamaged(t *testing.T) {
	f := files(t, dockerArchive(t, simple("x:1", here)))
	for name := range f {
		if strings.HasSuffix(name, ".json") && name != "manifest.json" {
			f[name] += " "
		}
	}
	_, _, err := open(t, save(t, packed(t, f)), nil)
	require.ErrorIs(t, err, errdefs.ErrCorrupt)
	require.ErrorContains(t, err, "damaged")
}

func TestLayerMissing(t *testing.T) {
	f := files(t, dockerArchive(t, simple("x:1", here)))
	for name := range f {
		if strings.HasSuffix(name, "layer.tar") {
			delete(f, name)
		}
	}
	_, i, err := open(t, save(t, packed(t, f)), nil)
	require.NoError(t, err)
	_, err = i.OpenLayer(i.Layers[0])
	require.ErrorIs(t, err, errdefs.ErrCorrupt)
}

// A layout cannot make us read what lies outside of it, or wait.
func TestHostileLayout(t *testing.T) {
	secret := save(t, []byte(`{"manifests":[]}`))
	for name, plant := range map[string]func(path string) error{
		"symbolic link out": func(path string) error { return os.Symlink(secret, path) },
		"relative link out": func(path string) error { return os.Symlink("../../../../../../../../"+secret, path) },
		"fifo":              func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"folder":            func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, build.OCILayout(dir, simple("x:1", here)))
			require.NoError(t, os.Remove(filepath.Join(dir, "index.json")))
			require.NoError(t, plant(filepath.Join(dir, "index.json")))
			_, _, err := open(t, dir, nil)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "holds no image")
		})
	}
}

func TestWhereThereIsNothing(t *testing.T) {
	_, _, err := open(t, filepath.Join(t.TempDir(), "missing.tar"), nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	_, _, err = open(t, t.TempDir(), nil)
	require.ErrorIs(t, err, errdefs.ErrInvalid)
	_, _, err = open(t, os.DevNull, nil)
	require.ErrorIs(t, err, errdefs.ErrInvalid)
}

// What unpacks to more than there is room for is refused before the disk is full.
func TestBomb(t *testing.T) {
	path := save(t, gzipped(t, make([]byte, 64<<20)))
	dir := t.TempDir()
	_, err := archive.Open(context.Background(), path, dir, 1<<20)
	require.ErrorIs(t, err, errdefs.ErrExhausted)
	info, err := os.Stat(filepath.Join(dir, "archive.tar"))
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(3<<20))
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, data := range [][]byte{ociArchive(t, simple("x:1", here)), gzipped(t, ociArchive(t, simple("x:1", here)))} {
		_, err := archive.Open(ctx, save(t, data), t.TempDir(), room)
		require.ErrorIs(t, err, context.Canceled)
	}
}

// Any bytes are refused or give an image whose layers can be looked for.
func FuzzOpen(f *testing.F) {
	f.Add(ociArchive(f, simple("x:1", here)))
	f.Add(dockerArchive(f, simple("x:1", here)))
	f.Add(ociArchive(f, simple("x:1", "arm64"), simple("x:1", here), simple("y:1", here)))
	f.Add(gzipped(f, ociArchive(f, simple("x:1", here))))
	f.Add(ociArchive(f, simple("x:1", here))[:2000])
	f.Add(packed(f, map[string]string{"index.json": "-> oci-layout", "oci-layout": "-> index.json"}))
	f.Add(packed(f, map[string]string{"index.json": `{"manifests":[{"digest":"sha512:00"}]}`, "oci-layout": "{}"}))
	f.Add(packed(f, map[string]string{"manifest.json": `[null,{"Config":"manifest.json"}]`}))
	dir := f.TempDir()
	path := filepath.Join(dir, "image.tar")
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		a, err := archive.Open(context.Background(), path, dir, 1<<20)
		if err != nil {
			require.Nil(t, a)
			return
		}
		defer a.Close()
		i, err := a.Image(here, func(name string) bool { return name == "x:1" })
		if err != nil {
			require.Nil(t, i)
			return
		}
		for _, l := range i.Layers {
			if r, err := i.OpenLayer(l); err == nil {
				r.Close()
			}
		}
	})
}
