// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/build"
)

// damaged says whether an error is one that a damaged file may give.
func damaged(err error) bool {
	return errors.Is(err, errdefs.ErrCorrupt) || errors.Is(err, errdefs.ErrInvalid)
}

// An archive that ends anywhere but in its closing zeros is refused, and nothing of
// it is left.
func TestEveryTruncation(t *testing.T) {
	ctx := context.Background()
	path := write(t, sample("one", 1))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(whole)
	require.NoError(t, z.Close())
	for name, data := range map[string][]byte{"plain": whole[:len(whole)-1024-512], "gzip": packed.Bytes()} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			for n := 0; n < len(data); n += 1 + len(data)/150 {
				require.NoError(t, os.WriteFile(path, data[:n], 0o600))
				_, err := s.Load(ctx, path, "")
				require.True(t, damaged(err), "after %d bytes: %v", n, err)
				require.ErrorContains(t, err, path)
				require.NotContains(t, err.Error(), "\n")
				if n > 512 {
					require.ErrorIs(t, err, errdefs.ErrCorrupt, "after %d bytes", n)
				}
			}
			requireClean(t, s)
		})
	}
}

// One wrong byte is found out, or was of no importance.
func TestEveryDamage(t *testing.T) {
	ctx := context.Background()
	for name, compression := range map[string]build.Compression{"gzip": build.Gzip, "zstd": build.Zstd, "none": build.None} {
		t.Run(name, func(t *testing.T) {
			image := sample("one", 1)
			image.Compression = compression
			path := write(t, image)
			want := load(t, newStore(t), path)
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			s := newStore(t)
			for at := 0; at < len(whole); at += 1 + len(whole)/150 {
				bad := bytes.Clone(whole)
				bad[at] ^= 0x10
				require.NoError(t, os.WriteFile(path, bad, 0o600))
				got, err := s.Load(ctx, path, "")
				if err == nil {
					require.Equal(t, want.ID, got.ID, "byte %d", at)
					continue
				}
				require.True(t, damaged(err), "byte %d: %v", at, err)
			}
		})
	}
}

// A layer that is not the one that the configuration names is refused, even where the
// manifest's digest is right, or there is none.
func TestWrongLayer(t *testing.T) {
	ctx := context.Background()
	s := newStore(t)
	var b bytes.Buffer
	require.NoError(t, build.DockerArchive(&b, sample("one", 1)))
	data := bytes.Replace(b.Bytes(), []byte("top 1"), []byte("top X"), 1)
	path := write(t)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	_, err := s.Load(ctx, path, "")
	requireClass(t, err, errdefs.ErrCorrupt)
	require.ErrorContains(t, err, "unpacked digest")
	requireClean(t, s)
}

// The disk fills up.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	small := sample("small", 1)
	noise := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	large := sample("large", 2)
	large.Layers = append(large.Layers, new(build.Layer).File("large", 0o644, noise))
	// Room by the numbers, but tails are written twice.
	tails := sample("tails", 3)
	layer := new(build.Layer)
	for n := range 900 {
		layer.File(string(rune('a'+n%26))+string(rune('a'+n/26)), 0o644, noise[n*3000:][:3000])
	}
	tails.Layers = append(tails.Layers, layer)
	tails.Compression = build.None
	zipped := writeTo(t, dir+"/zipped", large)
	whole, err := os.ReadFile(zipped)
	require.NoError(t, err)
	f, err := os.Create(zipped)
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	_, err = io.Copy(z, bytes.NewReader(whole))
	require.NoError(t, err)
	require.NoError(t, errors.Join(z.Close(), f.Close()))
	cmd := process("small disk", t.TempDir(),
		writeTo(t, dir+"/small", small), writeTo(t, dir+"/large", large), writeTo(t, dir+"/tails", tails), zipped)
	ownMounts(t, cmd)
	output(t, cmd)
}
