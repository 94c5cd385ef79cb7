// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"arcbox.dev/runtime/image/archive"
)

// Load reads an image from an OCI image layout, an OCI archive or the output of
// docker save and keeps it under the names that it brings along, or under the one
// that is given instead. Of an archive with several images the name picks one.
//
// The error's class is ErrNotFound, ErrInvalid (not an image, or not for this
// architecture), ErrCorrupt or ErrExhausted. Then the store is as it was.
func (s *Store) Load(ctx context.Context, path, name string) (Image, error) {
	image, err := s.load(ctx, path, name)
	if err != nil {
		return Image{}, fmt.Errorf("loading image: %w", full(err, s.dir))
	}
	return image, nil
}

func (s *Store) load(ctx context.Context, path, name string) (Image, error) {
	if name != "" {
		full, err := familiar(name)
		if err != nil {
			return Image{}, err
		}
		name = full
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return Image{}, err
	}
	src := source{Stamp: stamp(abs)} // before reading: a change meanwhile shows
	lock, err := waitLock(ctx, s.file("load.lock"), shared)
	if err != nil {
		return Image{}, err
	}
	work, err := os.MkdirTemp(s.file("tmp"), "load-")
	if err != nil {
		lock.Close()
		return Image{}, err
	}
	image, err := s.loadInto(ctx, path, name, abs, src, work)
	os.RemoveAll(work)
	lock.Close()
	s.sweep(ctx)
	return image, err
}

// loadInto does the work of load in a folder that is removed afterwards.
func (s *Store) loadInto(ctx context.Context, path, name, abs string, src source, work string) (Image, error) {
	limit, err := available(s.dir)
	if err != nil {
		return Image{}, err
	}
	a, err := archive.Open(ctx, path, work, limit)
	if err != nil {
		return Image{}, err
	}
	defer a.Close()
	from, err := a.Image(s.arch, func(candidate string) bool { return matches(candidate, name) })
	if err != nil {
		return Image{}, err
	}
	keys, err := s.layers(ctx, from, work)
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", path, err)
	}
	names := []string{name}
	if name == "" {
		names = s.familiarNames(from.Names)
	}
	var image Image
	err = s.update(ctx, func(t tx) error {
		id := from.ID.String()
		if err := t.put(bucketImages, id, newRecord(from, s.arch, keys)); err != nil {
			return err
		}
		for _, n := range names {
			if err := t.put(bucketNames, n, id); err != nil {
				return err
			}
		}
		if err := t.setSource(abs, src, id); err != nil {
			return err
		}
		var err error
		image, err = s.byID(t, id, first(names))
		return err
	})
	if err != nil {
		return Image{}, err
	}
	s.log.Debug("loaded image", "path", path, "id", image.ID, "names", names, "layers", len(keys))
	return image, nil
}

// matches says whether a name of an archive is the one that is wanted.
func matches(candidate, want string) bool {
	got, err := familiar(candidate)
	return err == nil && want != "" && got == want
}

// familiarNames returns the names that an archive gives, sorted. A name that is
// none is left out: the image can still be found by its digest.
func (s *Store) familiarNames(names []string) []string {
	var out []string
	for _, n := range names {
		full, err := familiar(n)
		if err != nil {
			s.log.Warn("leaving out a name of the archive", "name", n, "error", err)
			continue
		}
		out = append(out, full)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// setSource remembers what was loaded from the path. An image that nothing but this
// path led to makes way for the new one.
func (t tx) setSource(path string, src source, id string) error {
	var old source
	ok, err := t.get(bucketSources, path, &old)
	if err != nil {
		return err
	}
	src.ID = id
	if src.Stamp == "" {
		err = t.delete(bucketSources, path)
	} else {
		err = t.put(bucketSources, path, src)
	}
	if err != nil || !ok || old.ID == id {
		return err
	}
	needed := false
	err = each(t, bucketSources, func(_ string, other source) error {
		needed = needed || other.ID == old.ID
		return nil
	})
	if err != nil || needed {
		return err
	}
	names, err := allNames(t)
	if err != nil || len(names[old.ID]) > 0 {
		return err
	}
	return t.forget(old.ID)
}
