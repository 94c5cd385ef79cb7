// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/layer"
)

// Store is a folder of images. Its methods may be called from any goroutine, and
// other processes may use the folder too.
type Store struct {
	dir      string
	log      *slog.Logger
	arch     string        // which architecture to load images for, in Go's words
	patience time.Duration // how long to wait for others to be done with state.db
}

// Open opens the store in the folder, which is made if it is not there, and removes
// what loads that died have left.
func Open(dir string, log *slog.Logger) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	s := &Store{dir: dir, log: log, arch: runtime.GOARCH, patience: stateTimeout}
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("opening image store: %w", err)
	}
	for _, sub := range []string{"layers", "tmp"} {
		if err := os.MkdirAll(s.file(sub), 0o700); err != nil {
			return nil, fmt.Errorf("opening image store: %w", full(err, dir))
		}
	}
	if left, err := os.ReadDir(s.file("tmp")); err != nil || len(left) > 0 {
		s.sweep(context.Background())
	}
	return s, nil
}

func (s *Store) file(name string) string { return filepath.Join(s.dir, name) }

// List returns all images, sorted by name, then ID.
func (s *Store) List(ctx context.Context) ([]Image, error) {
	var out []Image
	err := s.view(ctx, func(t tx) error {
		names, err := allNames(t)
		if err != nil {
			return err
		}
		return each(t, bucketImages, func(id string, r record) error {
			image, err := s.image(t, id, r, names[id])
			out = append(out, image)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Image) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Remove takes a name, or with a digest a whole image, from the store. An image
// goes with its last name. VMs that run on it keep what they have open.
func (s *Store) Remove(ctx context.Context, ref string) error {
	err := s.update(ctx, func(t tx) error {
		id, name, err := find(t, ref)
		if err != nil {
			return err
		}
		names, err := allNames(t)
		if err != nil {
			return err
		}
		gone := names[id]
		if name != "" {
			gone = []string{name}
		}
		for _, n := range gone {
			if err := t.delete(bucketNames, n); err != nil {
				return err
			}
		}
		if len(gone) < len(names[id]) {
			return nil
		}
		return t.forget(id)
	})
	if err != nil {
		return fmt.Errorf("removing image: %w", full(err, s.dir))
	}
	s.sweep(ctx)
	return nil
}

// forget drops an image and what led to it. Its layers are left to sweep.
func (t tx) forget(id string) error {
	var paths []string
	err := each(t, bucketSources, func(path string, src source) error {
		if src.ID == id {
			paths = append(paths, path)
		}
		return nil
	})
	for _, p := range paths {
		err = errors.Join(err, t.delete(bucketSources, p))
	}
	return errors.Join(err, t.delete(bucketImages, id))
}

// allNames returns the names of each image, sorted.
func allNames(t tx) (map[string][]string, error) {
	names := map[string][]string{}
	err := each(t, bucketNames, func(name, id string) error {
		names[id] = append(names[id], name)
		return nil
	})
	return names, err
}

// find returns the ID of the image that a name or digest stands for, and the name
// if it was one.
func find(t tx, ref string) (id, name string, err error) {
	notFound := errdefs.New(errdefs.ErrNotFound, "arcbox image load FILE", "no image %q in the store", ref)
	if digest, ok := digestOf(ref); ok {
		var ids []string
		err := each(t, bucketImages, func(id string, r record) error {
			if strings.HasPrefix(id, digest) || strings.HasPrefix(r.Digest, digest) {
				ids = append(ids, id)
			}
			return nil
		})
		switch {
		case err != nil:
			return "", "", err
		case len(ids) == 0:
			return "", "", notFound
		case len(ids) > 1:
			return "", "", errdefs.New(errdefs.ErrInvalid, "give more digits", "digest %s stands for %d images", digest, len(ids))
		}
		return ids[0], "", nil
	}
	if name, err = familiar(ref); err != nil {
		return "", "", err
	}
	found, err := t.get(bucketNames, name, &id)
	if err == nil && !found {
		err = notFound
	}
	return id, name, err
}

// image makes an Image of its record.
func (s *Store) image(t tx, id string, r record, names []string) (Image, error) {
	i := Image{
		ID: id, Digest: r.Digest, Architecture: r.Architecture, OS: r.OS,
		Created: r.Created, Config: r.Config, Names: names,
	}
	if len(names) > 0 {
		i.Name = names[0]
	}
	for _, key := range r.Layers {
		var l layer.Info
		ok, err := t.get(bucketLayers, key, &l)
		if err != nil {
			return Image{}, err
		}
		if !ok {
			return Image{}, incomplete(i)
		}
		if l.Opaque {
			i.Layers = nil
		}
		i.Layers = append(i.Layers, Layer{DiffID: l.DiffID, Path: layerFile(s.dir, key), Size: l.Size})
	}
	return i, nil
}

// incomplete is the error for an image whose layers someone took away.
func incomplete(i Image) error {
	return errdefs.New(errdefs.ErrCorrupt, "load it again: arcbox image load FILE", "image %s lacks layers", cmp.Or(i.Name, i.ID))
}
