// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/scenarios/target/trial"
	"arcbox.dev/scenarios/target/workspace"
)

// Prepare loads the image and tries a container.
func (t *Target) Prepare(ctx context.Context) (err error) {
	if t.folder, err = workspace.Make(t.name, t.endAll); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Clean())
		}
	}()
	folder := t.folder.Path()
	if err := os.Mkdir(filepath.Join(folder, instancesName), 0o700); err != nil {
		return fmt.Errorf("preparing %s: %w", t.name, err)
	}
	if t.dialect.settle != nil {
		if err := t.dialect.settle(folder); err != nil {
			return fmt.Errorf("preparing %s: %w", t.name, err)
		}
	}
	if t.version, err = t.command(folder, t.dialect.version...).Version(ctx); err != nil {
		return err
	}
	if err := t.loadImage(ctx); err != nil {
		return err
	}
	return trial.Run(ctx, trialLimit, t.Start)
}

func (t *Target) loadImage(ctx context.Context) (err error) {
	folder := t.folder.Path()
	archive, err := os.Create(filepath.Join(folder, archiveName))
	if err != nil {
		return fmt.Errorf("making an image: %w", err)
	}
	if err := errors.Join(t.dialect.archive(archive, t.tool, image(folder)), archive.Close()); err != nil {
		return err
	}
	_, err = t.must(ctx, folder, t.dialect.load(archive.Name(), image(folder))...)
	return err
}

// image names the image of a private folder. A repository's name has small letters only.
func image(folder string) string {
	return "localhost/" + strings.ToLower(filepath.Base(folder)) + ":probe"
}

// The names in the private folder: the archive of the image, and a folder with an
// entry for each container that may exist.
const (
	archiveName   = "image.tar"
	instancesName = "instances"
)

// Clean removes the image, and ends what still runs.
func (t *Target) Clean() error {
	if t.folder == nil {
		return nil
	}
	err := t.folder.Remove()
	t.folder = nil
	return err
}

// endAll ends the containers of a folder, which may be another lab's, and removes its image.
func (t *Target) endAll(folder string) error {
	instances, err := os.ReadDir(filepath.Join(folder, instancesName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for containers of %s: %w", t.name, err)
	}
	var failed []error
	for _, entry := range instances {
		failed = append(failed, (&container{target: t, folder: folder, name: entry.Name()}).Close())
	}
	if _, err := os.Stat(filepath.Join(folder, archiveName)); err == nil {
		failed = append(failed, t.gone(folder, append(t.dialect.removeImage, image(folder))...))
	}
	if t.dialect.sweep != nil {
		failed = append(failed, t.dialect.sweep(t, folder))
	}
	return errors.Join(failed...)
}
