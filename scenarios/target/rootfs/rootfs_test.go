// SPDX-License-Identifier: MIT OR Apache-2.0

package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/scenarios/target"
)

// tool makes a file that stands for the lab's own program.
func tool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe")
	require.NoError(t, os.WriteFile(path, []byte("program"), 0o700))
	return path
}

func TestCheckTool(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	for _, bad := range []string{"", dir, plain, filepath.Join(dir, "none")} {
		err := CheckTool(bad)
		require.ErrorIs(t, err, target.ErrMissing, "%q", bad)
		require.ErrorContains(t, err, "run make build")
	}
	require.NoError(t, CheckTool(tool(t)))
}

func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rootfs")
	require.NoError(t, Make(dir, tool(t)))
	content, err := os.ReadFile(filepath.Join(dir, Tool))
	require.NoError(t, err)
	require.Equal(t, "program", string(content))
	for name, want := range map[string]os.FileMode{Tool: 0o755, "tmp": 0o777 | os.ModeSticky | os.ModeDir, ".": 0o755 | os.ModeDir} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), name)
	}
	require.ErrorIs(t, Make(dir, tool(t)), os.ErrExist, "it is not made twice")
	require.ErrorIs(t, Make(filepath.Join(dir, "other"), filepath.Join(dir, "none")), os.ErrNotExist)
}

// files reads an archive.
func files(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
}

func TestTar(t *testing.T) {
	var first, second bytes.Buffer
	require.NoError(t, Tar(&first, tool(t)))
	require.NoError(t, Tar(&second, tool(t)))
	require.Equal(t, first.Bytes(), second.Bytes(), "it depends on the tool alone")
	require.Equal(t, map[string][]byte{"tmp/": {}, "arcbox-probe": []byte("program")}, files(t, first.Bytes()))
	h, err := tar.NewReader(&first).Next()
	require.NoError(t, err)
	require.Equal(t, int64(0o1777), h.Mode)
	require.ErrorIs(t, Tar(io.Discard, filepath.Join(t.TempDir(), "none")), os.ErrNotExist)
}

// TestImage follows the digests from the index to the layer.
func TestImage(t *testing.T) {
	var archive, layer bytes.Buffer
	path := tool(t)
	require.NoError(t, Image(&archive, path, "localhost/lab:probe"))
	require.NoError(t, Tar(&layer, path))
	all := files(t, archive.Bytes())
	require.JSONEq(t, `{"imageLayoutVersion":"1.0.0"}`, string(all["oci-layout"]))
	blob := func(d descriptor, mediaType string) []byte {
		require.Equal(t, mediaType, d.MediaType)
		content := all["blobs/sha256/"+d.Digest[len("sha256:"):]]
		require.Len(t, content, d.Size)
		require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(content)), d.Digest)
		return content
	}
	var index struct{ Manifests []descriptor }
	require.NoError(t, json.Unmarshal(all["index.json"], &index))
	require.Len(t, index.Manifests, 1)
	require.Equal(t, "localhost/lab:probe", index.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	require.Equal(t, "linux", index.Manifests[0].Platform["os"])
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	require.NoError(t, json.Unmarshal(blob(index.Manifests[0], manifestType), &manifest))
	require.Len(t, manifest.Layers, 1)
	require.Equal(t, layer.Bytes(), blob(manifest.Layers[0], layerType))
	var config struct {
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	require.NoError(t, json.Unmarshal(blob(manifest.Config, configType), &config))
	require.Equal(t, []string{manifest.Layers[0].Digest}, config.Rootfs.DiffIDs)
}

// full is a disk that has room for so many bytes.
type full int

func (f *full) Write(b []byte) (int, error) {
	if len(b) > int(*f) {
		return 0, io.ErrShortWrite
	}
	*f -= full(len(b))
	return len(b), nil
}

func TestFullDisk(t *testing.T) {
	path := tool(t)
	for _, room := range []full{0, 600, 1100} {
		tarRoom, imageRoom := room, room
		require.ErrorIs(t, Tar(&tarRoom, path), io.ErrShortWrite)
		require.ErrorIs(t, Image(&imageRoom, path, "x"), io.ErrShortWrite)
	}
}
