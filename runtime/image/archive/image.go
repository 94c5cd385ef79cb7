// SPDX-License-Identifier: MIT OR Apache-2.0

package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"arcbox.dev/runtime/errdefs"
)

// Image is one image for one platform.
type Image struct {
	Names  []string // as the archive names it, in no normal form; may be empty
	ID     v1.Hash  // digest of the configuration
	Digest v1.Hash  // digest of the manifest; the ID where there is none
	Config v1.ConfigFile
	Layers []Layer // the lowest first

	archive *Archive
}

// Layer is where one layer comes from.
type Layer struct {
	DiffID v1.Hash // of the unpacked layer
	Digest v1.Hash // of the blob; zero where the archive does not say
	file   string
}

// Image returns the image for linux on the architecture, in Go's words. Where the
// archive holds several images, match picks one by a name of it. The error's class
// is ErrInvalid if there is no such image.
func (a *Archive) Image(architecture string, match func(name string) bool) (*Image, error) {
	image, err := a.image(architecture, match)
	if err != nil {
		return nil, a.name(err)
	}
	return image, nil
}

func (a *Archive) image(architecture string, match func(name string) bool) (*Image, error) {
	g, err := a.pick(match)
	if err != nil {
		return nil, err
	}
	// Among variants of one architecture the plainest runs anywhere.
	slices.SortStableFunc(g.variants, func(a, b variant) int { return strings.Compare(a.level(), b.level()) })
	var others []string
	for _, v := range g.variants {
		if p := v.manifest.Platform; p != nil && p.Architecture != "" && (p.OS != "linux" || p.Architecture != architecture) {
			if p.OS != "unknown" {
				others = append(others, p.String())
			}
			continue
		}
		image, err := a.read(v)
		if err != nil {
			return nil, err
		}
		if c := image.Config; c.Architecture != "" && c.Architecture != architecture || c.OS != "" && c.OS != "linux" {
			others = append(others, v1.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}.String())
			continue
		}
		image.Names = g.names
		return image, nil
	}
	slices.Sort(others)
	return nil, errdefs.New(errdefs.ErrInvalid, "get the image for this architecture", "image is for %s, this host needs linux/%s",
		strings.Join(slices.Compact(others), ", "), architecture)
}

// pick chooses among the images.
func (a *Archive) pick(match func(string) bool) (*group, error) {
	switch len(a.groups) {
	case 0:
		return nil, errdefs.New(errdefs.ErrInvalid, "", "holds no image")
	case 1:
		return &a.groups[0], nil
	}
	var names []string
	for i, g := range a.groups {
		all := append(slices.Clone(g.names), g.tags...)
		if slices.ContainsFunc(all, match) {
			return &a.groups[i], nil
		}
		if len(all) == 0 {
			all = []string{"one without a name"}
		}
		names = append(names, all[0])
	}
	return nil, errdefs.New(errdefs.ErrInvalid, "name one of them", "holds %d images: %s", len(a.groups), strings.Join(names, ", "))
}

func (a *Archive) read(v variant) (*Image, error) {
	if v.docker != nil {
		return a.readDocker(v.docker)
	}
	return a.readOCI(v.manifest)
}

func (a *Archive) readOCI(d v1.Descriptor) (*Image, error) {
	data, err := a.readBlob(d)
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return nil, corrupt("parsing manifest %s: %w", d.Digest, err)
	}
	if !imageConfig(m.Config.MediaType) || m.ArtifactType != "" {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "holds %s%s, which is no container image", m.ArtifactType, m.Config.MediaType)
	}
	config, err := a.readBlob(m.Config)
	if err != nil {
		return nil, err
	}
	image := &Image{ID: m.Config.Digest, Digest: d.Digest, archive: a}
	for _, l := range m.Layers {
		if strings.Contains(string(l.MediaType), "encrypted") {
			return nil, errdefs.New(errdefs.ErrNotSupported, "", "layer %s is encrypted", l.Digest)
		}
		image.Layers = append(image.Layers, Layer{Digest: l.Digest, file: blobName(l.Digest)})
	}
	return image, image.configure(config)
}

func (a *Archive) readDocker(d *dockerImage) (*Image, error) {
	config, err := a.readFile(d.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt("lacks configuration %s", d.Config)
	}
	if err != nil {
		return nil, err
	}
	id, _, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return nil, err
	}
	// docker names the file by its digest.
	if base := strings.TrimSuffix(path.Base(d.Config), ".json"); len(base) == len(id.Hex) && base != id.Hex {
		return nil, corrupt("configuration %s is damaged: its digest is %s", d.Config, id.Hex)
	}
	image := &Image{ID: id, Digest: id, archive: a}
	for _, file := range d.Layers {
		image.Layers = append(image.Layers, Layer{file: file})
	}
	return image, image.configure(config)
}

// configure parses the configuration and joins layers with their digests.
func (i *Image) configure(data []byte) error {
	config, err := v1.ParseConfigFile(bytes.NewReader(data))
	if err != nil {
		return corrupt("parsing configuration %s: %w", i.ID, err)
	}
	i.Config = *config
	if len(config.RootFS.DiffIDs) != len(i.Layers) {
		return errdefs.New(errdefs.ErrInvalid, "", "image has %d layers, but its configuration lists %d", len(i.Layers), len(config.RootFS.DiffIDs))
	}
	for n, id := range config.RootFS.DiffIDs {
		if id.Algorithm != "sha256" {
			return errdefs.New(errdefs.ErrNotSupported, "", "layer %s has a digest other than sha256", id)
		}
		i.Layers[n].DiffID = id
	}
	return nil
}

// OpenLayer returns the blob of a layer as it is, compressed or not. Nothing is
// checked yet. The caller closes it.
func (i *Image) OpenLayer(l Layer) (io.ReadCloser, error) {
	f, _, err := i.archive.files.open(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, i.archive.name(corrupt("lacks layer %s", l.file))
	}
	if err != nil {
		return nil, i.archive.name(fmt.Errorf("opening layer: %w", err))
	}
	return f, nil
}
