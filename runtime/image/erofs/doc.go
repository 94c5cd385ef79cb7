// SPDX-License-Identifier: MIT OR Apache-2.0

// Package erofs writes EROFS images: uncompressed, read-only file systems that
// Linux mounts straight from a disk (Documentation/filesystems/erofs.rst, and
// fs/erofs/erofs_fs.h for the structures).
//
// A Writer works in one pass. Contents of files go to the image as they come;
// names and inodes stay in memory (about 200 bytes each) and are laid out by
// Finish. The image is, in this order:
//
//	block 0      superblock, at byte 1024
//	data         whole blocks of files and long symbolic links
//	directories  whole blocks of directories
//	metadata     inodes, each followed by its extended attributes and, where it
//	             fits into the inode's block, the tail of its contents
//
// Runs of zeros become holes of the image file, so that a sparse file costs the
// host nothing. Equal input gives equal bytes.
//
// The writer of github.com/erofs/go-erofs is not used because it has no hard
// links (each name would get a copy of the file: the official busybox image would
// take 400 MB) and loses POSIX ACLs. Its reader is what the tests and package
// layer read with.
package erofs
