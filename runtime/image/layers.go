// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/archive"
	"arcbox.dev/runtime/image/layer"
)

// layers sees to it that the store has all layers of the image and returns their
// keys, the lowest first.
func (s *Store) layers(ctx context.Context, from *archive.Image, work string) ([]string, error) {
	infos := make([]layer.Info, len(from.Layers))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range from.Layers {
		group.Go(func() (err error) {
			infos[i], err = s.layer(gctx, from, l, l.DiffID.Hex, nil, work)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	keys := make([]string, len(infos))
	for i, l := range from.Layers {
		key, err := s.onTop(ctx, from, l, infos[i], keys[:i], work)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	return keys, nil
}

// onTop returns the key of a layer on top of others: its own, or a longer one if
// what lies below makes a difference.
func (s *Store) onTop(ctx context.Context, from *archive.Image, l archive.Layer, info layer.Info, below []string, work string) (string, error) {
	alone := l.DiffID.Hex
	if info.Alone() {
		return alone, nil
	}
	files := make([]string, len(below))
	for i, key := range below {
		files[i] = layerFile(s.dir, key)
	}
	lower, err := layer.OpenLower(files)
	if err != nil {
		return "", err
	}
	defer lower.Close()
	if fits, err := info.Fits(lower); fits || err != nil {
		return alone, err
	}
	key := chain(alone, below)
	if info, err = s.layer(ctx, from, l, key, lower, work); err != nil {
		return "", err
	}
	if !info.Merged {
		return alone, nil
	}
	return key, nil
}

// chain is the key of a layer that was converted on top of others.
func chain(alone string, below []string) string {
	h := sha256.New()
	for _, key := range below {
		io.WriteString(h, key+"\n")
	}
	return alone + "-" + hex.EncodeToString(h.Sum(nil))[:16]
}

// layer sees to it that the store has the layer under the key. Processes that need
// the same one wait for the first.
func (s *Store) layer(ctx context.Context, from *archive.Image, l archive.Layer, key string, lower *layer.Lower, work string) (layer.Info, error) {
	lock, err := waitLock(ctx, s.file("tmp/"+key+".lock"), exclusive)
	if err != nil {
		return layer.Info{}, err
	}
	defer lock.Close()
	if info, ok, err := s.haveLayer(ctx, key); ok || err != nil {
		return info, err
	}
	blob, err := from.OpenLayer(l)
	if err != nil {
		return layer.Info{}, err
	}
	defer blob.Close()
	file := filepath.Join(work, key+".erofs")
	info, err := s.convert(ctx, blob, l, file, lower)
	if err != nil {
		return layer.Info{}, fmt.Errorf("layer %s: %w", l.DiffID, err)
	}
	if err := publish(file, layerFile(s.dir, key)); err != nil {
		return layer.Info{}, err
	}
	return info, s.update(ctx, func(t tx) error { return t.put(bucketLayers, key, info) })
}

// haveLayer returns what is known of a layer if its file is there too.
func (s *Store) haveLayer(ctx context.Context, key string) (info layer.Info, ok bool, err error) {
	err = s.view(ctx, func(t tx) (err error) {
		ok, err = t.get(bucketLayers, key, &info)
		return err
	})
	if err != nil || !ok {
		return info, false, err
	}
	file, err := os.Stat(layerFile(s.dir, key))
	if errors.Is(err, fs.ErrNotExist) {
		return info, false, nil
	}
	return info, err == nil && file.Size() == info.Size, err
}

// convert writes a blob's EROFS image, synced, and checks both its digests.
func (s *Store) convert(ctx context.Context, blob io.Reader, l archive.Layer, path string, lower *layer.Lower) (layer.Info, error) {
	limit, err := available(s.dir)
	if err != nil {
		return layer.Info{}, err
	}
	out, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o400)
	if err != nil {
		return layer.Info{}, err
	}
	defer out.Close()
	temporary, err := os.Create(path + ".spool")
	if err != nil {
		return layer.Info{}, err
	}
	defer os.Remove(path + ".spool")
	defer temporary.Close()

	check := newVerifier(l.Digest, blob)
	unpacked, err := layer.Decompress(check)
	if err != nil {
		return layer.Info{}, errdefs.New(errdefs.ErrCorrupt, "get the file again", "unpacking: %w", err)
	}
	defer unpacked.Close()
	info, err := layer.Convert(ctx, unpacked, out, temporary, layer.Options{Limit: limit, Lower: lower})
	if err == nil || errors.Is(err, errdefs.ErrCorrupt) {
		if bad := check.finish(); bad != nil { // which explains what else is wrong
			return layer.Info{}, bad
		}
	}
	if err != nil {
		return layer.Info{}, err
	}
	if info.DiffID != l.DiffID.String() {
		return layer.Info{}, errdefs.New(errdefs.ErrCorrupt, "get the file again", "unpacked digest is %s", info.DiffID)
	}
	return info, out.Sync()
}

// verifier hashes what goes through it.
type verifier struct {
	io.Reader
	want v1.Hash
	sum  func() (string, error)
}

// newVerifier returns a reader of r. Without a digest to check it checks nothing.
func newVerifier(want v1.Hash, r io.Reader) *verifier {
	v := &verifier{Reader: r, want: want}
	hash, err := v1.Hasher(want.Algorithm)
	switch {
	case want == v1.Hash{}:
		v.sum = func() (string, error) { return "", nil }
	case err != nil:
		v.sum = func() (string, error) { return "", err }
	default:
		v.Reader = io.TeeReader(r, hash)
		v.sum = func() (string, error) { return hex.EncodeToString(hash.Sum(nil)), nil }
	}
	return v
}

// finish reads what is left and compares.
func (v *verifier) finish() error {
	if _, err := io.Copy(io.Discard, v.Reader); err != nil {
		return err
	}
	got, err := v.sum()
	if err != nil {
		return errdefs.New(errdefs.ErrNotSupported, "", "digest %s: %w", v.want, err)
	}
	if got != v.want.Hex {
		return errdefs.New(errdefs.ErrCorrupt, "get the file again", "blob is damaged: its digest is %s:%s, not %s", v.want.Algorithm, got, v.want)
	}
	return nil
}
