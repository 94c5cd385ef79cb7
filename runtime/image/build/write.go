// SPDX-License-Identifier: MIT OR Apache-2.0

package build

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The annotations that carry an image's name in a layout. The first one may be taken
// for a tag where it has no colon or slash, the second one not.
const (
	refName  = "org.opencontainers.image.ref.name"
	fullName = "io.containerd.image.name"
)

// layout returns the files of an OCI image layout (OCI image specification, "Image
// Layout"). Images of one name, for several platforms, share an index.
func layout(images []Image) (blobs, error) {
	b := blobs{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	var names []string
	manifests := map[string][]v1.Descriptor{}
	for _, i := range images {
		d, err := i.put(b)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, i.Name) {
			names = append(names, i.Name)
		}
		manifests[i.Name] = append(manifests[i.Name], d)
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, name := range names {
		d := manifests[name][0]
		if len(manifests[name]) > 1 {
			var err error
			inner := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: manifests[name]}
			if d, err = b.putJSON(inner, types.OCIImageIndex); err != nil {
				return nil, err
			}
		}
		if name != "" {
			d.Annotations = map[string]string{refName: name, fullName: name}
		}
		index.Manifests = append(index.Manifests, d)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	b["index.json"] = data
	return b, nil
}

// OCIArchive writes the images as an OCI archive.
func OCIArchive(w io.Writer, images ...Image) error {
	b, err := layout(images)
	if err != nil {
		return err
	}
	return b.tar(w)
}

// OCILayout writes the images as an OCI image layout into a folder.
func OCILayout(dir string, images ...Image) error {
	b, err := layout(images)
	if err != nil {
		return err
	}
	for name, data := range b {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// DockerArchive writes the images as docker save did before it wrote image layouts.
func DockerArchive(w io.Writer, images ...Image) error {
	type item struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	b := blobs{}
	var list []item
	for _, i := range images {
		tars, err := i.tars()
		if err != nil {
			return err
		}
		config, err := json.Marshal(i.config(tars))
		if err != nil {
			return err
		}
		it := item{Config: b.put(config, "").Digest.Hex + ".json"}
		b[it.Config] = config
		if i.Name != "" {
			it.RepoTags = []string{i.Name}
		}
		for _, t := range tars {
			name := b.put(t, "").Digest.Hex + "/layer.tar"
			b[name] = t
			it.Layers = append(it.Layers, name)
		}
		list = append(list, it)
	}
	maps.DeleteFunc(b, func(name string, _ []byte) bool { return path.Dir(name) == "blobs/sha256" })
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	b["manifest.json"] = data
	return b.tar(w)
}

// tar writes the files in the order of their names, with the folders they are in.
func (b blobs) tar(w io.Writer) error {
	t := tar.NewWriter(w)
	made := map[string]bool{".": true}
	var mkdir func(dir string) error
	mkdir = func(dir string) error {
		if made[dir] {
			return nil
		}
		made[dir] = true
		if err := mkdir(path.Dir(dir)); err != nil {
			return err
		}
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: time.Unix(0, 0)})
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if err := mkdir(path.Dir(name)); err != nil {
			return err
		}
		h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(b[name])), ModTime: time.Unix(0, 0)}
		if err := t.WriteHeader(&h); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if _, err := t.Write(b[name]); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return t.Close()
}
