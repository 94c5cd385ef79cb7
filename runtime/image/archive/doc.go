// SPDX-License-Identifier: MIT OR Apache-2.0

// Package archive reads container images as they lie on disk: an OCI image layout
// in a folder, the same in a tar archive (OCI image specification, "Image Layout"),
// and what docker save writes. Archives may be compressed with gzip or zstd.
//
// Nothing is believed before its digest was checked. Manifests and configurations
// are parsed by github.com/google/go-containerregistry/pkg/v1; its layout and tarball
// packages are not used, because they read the archive from the start for each blob
// and do not check what they read.
package archive
