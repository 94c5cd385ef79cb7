// SPDX-License-Identifier: MIT OR Apache-2.0

// Package layer turns the layers of OCI images into EROFS images that overlayfs
// can stack (OCI image specification, "Image Layer Filesystem Changeset").
//
// A layer is a tar archive. It is read once, front to back, and never touches the
// host's file system: names are walked in a tree in memory, where symbolic links
// lead as they would in a chroot. Whiteouts become what overlayfs understands, a
// character device 0/0 for a name and trusted.overlay.opaque for a directory.
//
// Most layers stand alone and one image serves wherever they appear. A few rely on
// what lies below: they name a file without the directories above it, or link to a
// file of another layer. Info.Depends tells, and converting once more with a Lower
// gives what extracting one layer over the other would have given.
package layer
