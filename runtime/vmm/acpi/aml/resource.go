// SPDX-License-Identifier: MIT OR Apache-2.0

package aml

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Tags of resource descriptors. A small one has its length in the tag's low 3 bits
// (ACPI 6.4 §6.4.2), a large one in the 2 bytes that follow (§6.4.3).
const (
	tagIO            = 0x47
	tagEnd           = 0x79
	tagMemory32Fixed = 0x86
	tagInterrupt     = 0x89
)

// Resource is a resource descriptor, a part of Resources.
type Resource struct {
	descriptor []byte
	err        error
}

// Resources is the value of a _CRS object: a buffer of descriptors and the end tag.
func Resources(list ...Resource) Term {
	var data []byte
	for _, r := range list {
		if r.err != nil {
			return Term{err: r.err}
		}
		data = append(data, r.descriptor...)
	}
	return Buffer(append(data, tagEnd, 0)) // a checksum of 0 is not checked (§6.4.2.9)
}

// Memory32Fixed is size bytes of addresses from base on, which the driver may write
// to (ACPI 6.4 §6.4.3.4).
func Memory32Fixed(base, size uint32) Resource {
	if size == 0 || size-1 > math.MaxUint32-base {
		return Resource{err: fmt.Errorf("encoding %#x bytes of memory at %#x: not a range of 32-bit addresses", size, base)}
	}
	le := binary.LittleEndian
	d := []byte{tagMemory32Fixed, 9, 0, 1}
	return Resource{descriptor: le.AppendUint32(le.AppendUint32(d, base), size)}
}

// IO is count ports from base on, decoded in 16 bits (ACPI 6.4 §6.4.2.5).
func IO(base uint16, count byte) Resource {
	if count == 0 || uint16(count-1) > math.MaxUint16-base {
		return Resource{err: fmt.Errorf("encoding %d ports at %#x: not a range of ports", count, base)}
	}
	le := binary.LittleEndian
	d := le.AppendUint16([]byte{tagIO, 1}, base) // lowest base
	d = le.AppendUint16(d, base)                 // highest base
	return Resource{descriptor: append(d, 1, count)}
}

// Interrupt is one interrupt, an edge, active high and exclusive, that the device
// consumes (ACPI 6.4 §6.4.3.6).
func Interrupt(gsi uint32) Resource {
	const consumer, edge = 1 << 0, 1 << 1
	d := []byte{tagInterrupt, 6, 0, consumer | edge, 1}
	return Resource{descriptor: binary.LittleEndian.AppendUint32(d, gsi)}
}
