// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"arcbox.dev/runtime/errdefs"
)

// Resolve returns the image that a user means: a name with or without a tag, a
// digest, or the path of an archive or a layout, which is loaded unless it already
// was. A path that could be a name is one only if no image has it.
func (s *Store) Resolve(ctx context.Context, ref string) (Image, error) {
	if ref == "" {
		return Image{}, errdefs.New(errdefs.ErrInvalid, "", "image name is empty")
	}
	if pathLike(ref) {
		return s.resolvePath(ctx, ref)
	}
	image, err := s.stored(ctx, ref)
	if err == nil || errors.Is(err, errdefs.ErrCorrupt) || !exists(ref) {
		return image, err
	}
	return s.resolvePath(ctx, ref)
}

// stored returns an image by name or digest.
func (s *Store) stored(ctx context.Context, ref string) (Image, error) {
	var image Image
	// Where there is no state yet, view does not run: then nothing is found either.
	err := error(errdefs.New(errdefs.ErrNotFound, "arcbox image load FILE", "no image %q in the store", ref))
	verr := s.view(ctx, func(t tx) error {
		var id, name string
		if id, name, err = find(t, ref); err != nil {
			return nil
		}
		image, err = s.byID(t, id, name)
		return nil
	})
	if verr != nil {
		return Image{}, verr
	}
	if err != nil {
		return Image{}, err
	}
	return image, s.check(image)
}

// byID returns an image by its full ID. Its name is the given one, if it is not
// empty.
func (s *Store) byID(t tx, id, name string) (Image, error) {
	var r record
	ok, err := t.get(bucketImages, id, &r)
	if err != nil {
		return Image{}, err
	}
	if !ok {
		return Image{}, errdefs.New(errdefs.ErrNotFound, "arcbox image load FILE", "no image %s in the store", id)
	}
	names, err := allNames(t)
	if err != nil {
		return Image{}, err
	}
	image, err := s.image(t, id, r, names[id])
	if name != "" {
		image.Name = name
	}
	return image, err
}

// check sees whether the image's layers are there.
func (s *Store) check(image Image) error {
	for _, l := range image.Layers {
		info, err := os.Stat(l.Path)
		if err != nil || info.Size() != l.Size {
			return incomplete(image)
		}
	}
	return nil
}

// resolvePath returns the image in a file, from the store if the file is the one
// that was loaded.
func (s *Store) resolvePath(ctx context.Context, path string) (Image, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Image{}, err
	}
	var image Image
	found := false
	if now := stamp(abs); now != "" {
		err = s.view(ctx, func(t tx) error {
			var src source
			ok, err := t.get(bucketSources, abs, &src)
			if err != nil || !ok || src.Stamp != now {
				return err
			}
			image, err = s.byID(t, src.ID, "")
			found = err == nil
			return nil
		})
		if err != nil {
			return Image{}, err
		}
	}
	if found && s.check(image) == nil {
		return image, nil
	}
	return s.Load(ctx, path, "")
}
