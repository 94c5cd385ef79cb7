// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"arcbox.dev/runtime/image/archive"
)

// Image is one image of the store.
type Image struct {
	Name         string    // the name it was asked for by or its first; may be empty
	Names        []string  // all its names, sorted
	ID           string    // digest of its configuration: the same ID is the same image
	Digest       string    // digest of its manifest; the ID where it had none
	Architecture string    // in Go's words: amd64, arm64
	OS           string    // linux
	Created      time.Time // as the image says; may be zero
	Config       Config
	Layers       []Layer // the lowest first; may be empty
}

// Config is what an image says about running it (OCI image specification,
// "Image Configuration").
type Config struct {
	User         string            `json:",omitempty"` // user[:group], by name or number; empty is root
	Env          []string          `json:",omitempty"` // NAME=value
	Entrypoint   []string          `json:",omitempty"`
	Cmd          []string          `json:",omitempty"`
	WorkingDir   string            `json:",omitempty"`
	StopSignal   string            `json:",omitempty"` // SIGTERM where empty
	Volumes      []string          `json:",omitempty"` // folders, sorted
	ExposedPorts []string          `json:",omitempty"` // port/protocol, sorted
	Labels       map[string]string `json:",omitempty"`
}

// Layer is one file system to stack.
type Layer struct {
	DiffID string // digest of the unpacked layer
	Path   string // the EROFS image, read-only
	Size   int64  // bytes of that image, a multiple of 4096
}

// Size returns what the layers take, in bytes. Layers may be shared with other
// images.
func (i Image) Size() int64 {
	var size int64
	for _, l := range i.Layers {
		size += l.Size
	}
	return size
}

// record is an image as state.db keeps it, under its ID.
type record struct {
	Digest       string
	Architecture string
	OS           string
	Created      time.Time
	Config       Config
	Layers       []string // keys of layers, the lowest first
}

// newRecord is the record of an image for the architecture.
func newRecord(i *archive.Image, architecture string, layers []string) record {
	c := i.Config.Config
	return record{
		Digest:       i.Digest.String(),
		Architecture: architecture, // an image that says none runs anywhere
		OS:           "linux",
		Created:      i.Config.Created.Time,
		Layers:       layers,
		Config: Config{
			User:         c.User,
			Env:          c.Env,
			Entrypoint:   c.Entrypoint,
			Cmd:          c.Cmd,
			WorkingDir:   c.WorkingDir,
			StopSignal:   c.StopSignal,
			Volumes:      keys(c.Volumes),
			ExposedPorts: keys(c.ExposedPorts),
			Labels:       c.Labels,
		},
	}
}

func keys(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

// The key of a layer is the hexadecimal digest of the unpacked layer, and of what
// lies below too where that makes a difference.

func layerFile(dir, key string) string { return filepath.Join(dir, "layers", key+".erofs") }
