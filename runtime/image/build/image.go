// SPDX-License-Identifier: MIT OR Apache-2.0

package build

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// Compression is how layers are stored.
type Compression int

// The compressions that images use.
const (
	Gzip Compression = iota
	Zstd
	None
)

// Image is an image to write.
type Image struct {
	Name         string // with its tag; may be empty
	Architecture string // in Go's words
	OS           string // linux where empty
	Created      time.Time
	Config       v1.Config
	Layers       []*Layer // the lowest first
	Compression  Compression
}

// blobs are the files of a layout by name.
type blobs map[string][]byte

// put stores a blob under its digest.
func (b blobs) put(data []byte, media types.MediaType) v1.Descriptor {
	sum := sha256.Sum256(data)
	h := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	b["blobs/sha256/"+h.Hex] = data
	return v1.Descriptor{MediaType: media, Digest: h, Size: int64(len(data))}
}

func (b blobs) putJSON(v any, media types.MediaType) (v1.Descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return b.put(data, media), nil
}

// config returns the configuration of an image whose layers have the archives.
func (i *Image) config(tars [][]byte) v1.ConfigFile {
	c := v1.ConfigFile{
		Architecture: i.Architecture,
		OS:           i.platform().OS,
		Created:      v1.Time{Time: i.Created.UTC()},
		Config:       i.Config,
		RootFS:       v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}},
	}
	for _, t := range tars {
		sum := sha256.Sum256(t)
		c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])})
	}
	return c
}

func (i *Image) platform() *v1.Platform {
	os := i.OS
	if os == "" {
		os = "linux"
	}
	return &v1.Platform{OS: os, Architecture: i.Architecture}
}

func (i *Image) tars() ([][]byte, error) {
	var out [][]byte
	for _, l := range i.Layers {
		t, err := l.Tar()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// put stores the image's blobs and returns its manifest's descriptor.
func (i *Image) put(b blobs) (v1.Descriptor, error) {
	tars, err := i.tars()
	if err != nil {
		return v1.Descriptor{}, err
	}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{}}
	for _, t := range tars {
		packed, media, err := i.Compression.pack(t)
		if err != nil {
			return v1.Descriptor{}, err
		}
		m.Layers = append(m.Layers, b.put(packed, media))
	}
	if m.Config, err = b.putJSON(i.config(tars), types.OCIConfigJSON); err != nil {
		return v1.Descriptor{}, err
	}
	d, err := b.putJSON(m, types.OCIManifestSchema1)
	d.Platform = i.platform()
	return d, err
}

func (c Compression) pack(data []byte) ([]byte, types.MediaType, error) {
	switch c {
	case None:
		return data, types.OCIUncompressedLayer, nil
	case Zstd:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, "", err
		}
		defer w.Close()
		return w.EncodeAll(data, nil), types.OCILayerZStd, nil
	case Gzip:
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(data); err != nil {
			return nil, "", err
		}
		err := w.Close()
		return b.Bytes(), types.OCILayer, err
	}
	return nil, "", fmt.Errorf("compression %d is unknown", c)
}
