// SPDX-License-Identifier: MIT OR Apache-2.0

// Package disk makes a VM's disks, the same under every driver.
package disk

import (
	"fmt"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/virtio/blk"
)

// New opens what a disk is made of and returns its device. The Config that d is part
// of has passed its Check.
func New(d hypervisor.Disk) (*blk.Device, error) {
	backing, err := open(d)
	if err != nil {
		return nil, fmt.Errorf("opening disk %s: %w", d.ID, err)
	}
	return blk.New(backing, blk.Options{Serial: d.ID, Queues: 1, ReadOnly: d.ReadOnly || len(d.Partitions) > 0}), nil
}

func open(d hypervisor.Disk) (blk.Disk, error) {
	if len(d.Partitions) > 0 {
		return blk.OpenPartitions(d.Partitions)
	}
	return blk.OpenFile(d.Path, d.ReadOnly)
}
