// SPDX-License-Identifier: MIT OR Apache-2.0

package rootfs

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
)

// Media types of the OCI image specification 1.1, media-types.md.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor points at a blob (OCI image specification, descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    map[string]string `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Image writes an archive of an OCI image layout that holds one image of the root
// file system, with the given name, for Linux on this host's architecture.
func Image(w io.Writer, tool, name string) error {
	var layer bytes.Buffer
	if err := Tar(&layer, tool); err != nil {
		return err
	}
	a := archive{tar: tar.NewWriter(w)}
	layerAt := a.blob(layerType, layer.Bytes())
	platform := map[string]string{"os": "linux", "architecture": runtime.GOARCH}
	configAt := a.json(configType, map[string]any{
		"os": platform["os"], "architecture": platform["architecture"],
		"config": map[string]any{"Cmd": Wait},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layerAt.Digest}},
	})
	manifestAt := a.json(manifestType, map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": configAt, "layers": []descriptor{layerAt},
	})
	manifestAt.Platform = platform
	// The first is the specification's (annotations.md), the second containerd's.
	manifestAt.Annotations = map[string]string{"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	a.file("index.json", a.marshal(map[string]any{
		"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{manifestAt},
	}))
	if a.err == nil {
		a.err = a.tar.Close()
	}
	if a.err != nil {
		return fmt.Errorf("archiving an image: %w", a.err)
	}
	return nil
}

// archive writes files to a tar archive until one fails.
type archive struct {
	tar *tar.Writer
	err error
}

func (a *archive) file(name string, content []byte) {
	if a.err == nil {
		a.err = a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))})
	}
	if a.err == nil {
		_, a.err = a.tar.Write(content)
	}
}

// blob writes a blob under its digest (OCI image specification, image-layout.md).
func (a *archive) blob(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	a.file("blobs/sha256/"+digest, content)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + digest, Size: len(content)}
}

func (a *archive) json(mediaType string, v any) descriptor { return a.blob(mediaType, a.marshal(v)) }

func (a *archive) marshal(v any) []byte {
	b, err := json.Marshal(v)
	if a.err == nil {
		a.err = err
	}
	return b
}
