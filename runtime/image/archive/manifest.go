// SPDX-License-Identifier: MIT OR Apache-2.0

package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"arcbox.dev/runtime/errdefs"
)

// Bounds of what is read into memory, in bytes, and of nesting.
const (
	maxJSON  = 8 << 20
	maxNest  = 4
	maxIndex = 1 << 10 // manifests in one archive
)

// Annotations that name an image.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
	attestation    = "vnd.docker.reference.type"
)

// group is one image, perhaps for several platforms.
type group struct {
	names    []string // full names
	tags     []string // bare tags, which only tell groups apart
	variants []variant
}

// variant is an image for one platform: a manifest of an OCI layout or an item of
// docker's list.
type variant struct {
	manifest v1.Descriptor
	docker   *dockerImage
}

// level is the variant of the architecture: empty, or v1, v2, …
func (v variant) level() string {
	if v.manifest.Platform == nil {
		return ""
	}
	return v.manifest.Platform.Variant
}

// dockerImage is an item of manifest.json as docker save writes it.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// index finds out which images there are.
func (a *Archive) index() error {
	index, err := a.readFile("index.json")
	if err == nil {
		if _, err := a.readFile("oci-layout"); err != nil {
			if a.cut() {
				return corrupt("archive ends early")
			}
			return errdefs.New(errdefs.ErrInvalid, "", "is no OCI image layout: reading oci-layout: %w", err)
		}
		return a.indexOCI(index)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := a.readFile("manifest.json")
	switch {
	case err == nil:
		return a.indexDocker(list)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if a.cut() {
		return corrupt("archive ends early")
	}
	return errNoArchive
}

// cut says whether files may be missing because the archive has no end.
func (a *Archive) cut() bool {
	t, ok := a.files.(*tarball)
	return ok && t.cut
}

func (a *Archive) indexDocker(list []byte) error {
	var images []dockerImage
	if err := json.Unmarshal(list, &images); err != nil {
		return corrupt("parsing manifest.json: %w", err)
	}
	for _, image := range images {
		a.groups = append(a.groups, group{names: image.RepoTags, variants: []variant{{docker: &image}}})
	}
	return nil
}

func (a *Archive) indexOCI(data []byte) error {
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return corrupt("parsing index.json: %w", err)
	}
	left := maxIndex
	for _, d := range index.Manifests {
		variants, err := a.variants(d, &left, maxNest)
		if err != nil {
			return err
		}
		if len(variants) > 0 {
			a.add(d.Annotations, variants)
		}
	}
	return nil
}

// add puts variants into the group of their name. Those without a name make one
// image together.
func (a *Archive) add(annotations map[string]string, variants []variant) {
	var name, tag string
	if ref := annotations[refName]; strings.ContainsAny(ref, "/:") {
		name = ref
	} else {
		tag = ref
	}
	if full := annotations[containerdName]; full != "" {
		name = full
	}
	for i := range a.groups {
		g := &a.groups[i]
		same := g.variants[0].manifest.Digest == variants[0].manifest.Digest
		if same || firstOf(g.names) == name && firstOf(g.tags) == tag {
			if !same {
				g.variants = append(g.variants, variants...)
			}
			g.names = with(g.names, name)
			g.tags = with(g.tags, tag)
			return
		}
	}
	a.groups = append(a.groups, group{names: with(nil, name), tags: with(nil, tag), variants: variants})
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func with(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	if s == "" {
		return list
	}
	return append(list, s)
}

// variants lists the manifests below a descriptor.
func (a *Archive) variants(d v1.Descriptor, left *int, depth int) ([]variant, error) {
	if *left--; *left < 0 || depth == 0 {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "index holds more than %d manifests, or nests them deeper than %d", maxIndex, maxNest)
	}
	if d.Annotations[attestation] != "" {
		return nil, nil
	}
	if d.MediaType.IsSchema1() {
		return nil, errdefs.New(errdefs.ErrNotSupported, "save it with a newer docker", "image has a manifest of schema 1")
	}
	if !d.MediaType.IsIndex() {
		return []variant{{manifest: d}}, nil
	}
	data, err := a.readBlob(d)
	if err != nil {
		return nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		return nil, corrupt("parsing index %s: %w", d.Digest, err)
	}
	var out []variant
	for _, child := range index.Manifests {
		v, err := a.variants(child, left, depth-1)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	return out, nil
}

// readFile returns a small file.
func (a *Archive) readFile(name string) ([]byte, error) {
	f, size, err := a.files.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxJSON {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "%s of %d bytes is larger than %d", name, size, maxJSON)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxJSON))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return data, nil
}

// readBlob returns a small blob, checked.
func (a *Archive) readBlob(d v1.Descriptor) ([]byte, error) {
	data, err := a.readFile(blobName(d.Digest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt("lacks blob %s", d.Digest)
	}
	if err != nil {
		return nil, err
	}
	hash, err := v1.Hasher(d.Digest.Algorithm)
	if err != nil {
		return nil, errdefs.New(errdefs.ErrNotSupported, "", "blob %s: %w", d.Digest, err)
	}
	hash.Write(data)
	if got := fmt.Sprintf("%x", hash.Sum(nil)); got != d.Digest.Hex {
		return nil, corrupt("blob %s is damaged: its digest is %s", d.Digest, got)
	}
	return data, nil
}

func blobName(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// imageConfig says whether the type is that of an image's configuration.
func imageConfig(t types.MediaType) bool { return t == "" || t.IsConfig() }
