// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"os"
	"strings"

	"arcbox.dev/runtime/image/layer"
)

// sweep removes layers that no image needs and whatever lies in tmp/, unless a load
// is under way somewhere: then that one sweeps when it is done. A failure is no
// more than space not won back.
func (s *Store) sweep(ctx context.Context) {
	lock, err := tryLock(s.file("load.lock"), exclusive)
	if err != nil {
		return
	}
	defer lock.Close()
	if err := s.sweepLocked(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("cleaning up the image store", "error", err)
	}
}

func (s *Store) sweepLocked(ctx context.Context) error {
	needed := map[string]bool{}
	var unneeded []string
	err := s.view(ctx, func(t tx) error {
		err := each(t, bucketImages, func(_ string, r record) error {
			for _, key := range r.Layers {
				needed[key] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		return each(t, bucketLayers, func(key string, _ layer.Info) error {
			if !needed[key] {
				unneeded = append(unneeded, key)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if len(unneeded) > 0 { // records first: a file without one is nobody's
		err := s.update(ctx, func(t tx) error {
			for _, key := range unneeded {
				if err := t.delete(bucketLayers, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	files, err := os.ReadDir(s.file("layers"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if !needed[strings.TrimSuffix(f.Name(), ".erofs")] {
			if err := os.RemoveAll(s.file("layers/" + f.Name())); err != nil {
				return err
			}
		}
	}
	left, err := os.ReadDir(s.file("tmp"))
	if err != nil {
		return err
	}
	for _, f := range left {
		if err := os.RemoveAll(s.file("tmp/" + f.Name())); err != nil {
			return err
		}
	}
	return nil
}
