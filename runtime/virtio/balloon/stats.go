// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"encoding/binary"
	"errors"
)

// ErrNoStats says that there is nobody to ask: the guest has no driver for the
// balloon, or one that keeps no statistics, or it went while it was asked.
var ErrNoStats = errors.New("the guest keeps no memory statistics")

// Stats are a guest's memory statistics, as the guest tells them (virtio 1.2
// §5.5.6.4). What it does not tell is 0.
type Stats struct {
	SwapIn, SwapOut          uint64 // bytes since boot
	MajorFaults, MinorFaults uint64 // since boot
	Free                     uint64 // bytes that are not used at all
	Total                    uint64 // bytes
	Available                uint64 // bytes for new programs, without swapping
	Caches                   uint64 // bytes that can be had back quickly
	HugePages, HugePagesFail uint64 // allocations since boot
}

// A statistic is a 16-bit tag and a 64-bit value (virtio 1.2 §5.5.6.3). maxStats is
// how many are looked at; tags beyond the known ones are ignored.
const (
	statSize = 10
	maxStats = 64
)

func parseStats(b []byte) (s Stats) {
	known := [...]*uint64{
		&s.SwapIn, &s.SwapOut, &s.MajorFaults, &s.MinorFaults, &s.Free,
		&s.Total, &s.Available, &s.Caches, &s.HugePages, &s.HugePagesFail,
	}
	for ; len(b) >= statSize; b = b[statSize:] {
		if tag := int(binary.LittleEndian.Uint16(b)); tag < len(known) {
			*known[tag] = binary.LittleEndian.Uint64(b[2:])
		}
	}
	return s
}
