// SPDX-License-Identifier: MIT OR Apache-2.0

// Package build writes small container images: OCI image layouts, OCI archives and
// what docker save writes. Equal input gives equal bytes. All of an image is held in
// memory, so it is for images of some megabytes: the bundled one, and those that
// tests need.
package build
