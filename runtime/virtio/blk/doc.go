// SPDX-License-Identifier: MIT OR Apache-2.0

// Package blk is the virtio block device (virtio 1.2 §5.2) and the disks behind it:
// an image file or a block device, and a read-only disk with a partition table made
// up in front of files.
//
// Each queue is served by one goroutine, its requests in order. The kernel moves
// data between the disk and the guest's own pages. A status byte is written for
// every request that has room for one, whatever the request looks like.
package blk
