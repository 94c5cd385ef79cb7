// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import "fmt"

// Reason is a rule of the split virtqueue that the driver broke.
type Reason uint8

const (
	// IndexJump: more chains available than the queue has descriptors, or the
	// available index went back (virtio 1.2 §2.7.6.1).
	IndexJump Reason = iota + 1
	// BadHead: the available ring names a descriptor beyond the queue's size.
	BadHead
	// BadNext: a descriptor's next is beyond its table.
	BadNext
	// Cycle: a chain comes back to a descriptor it has been at.
	Cycle
	// TooLong: more descriptors in a chain than the queue's size (virtio 1.2
	// §2.7.5.3.1), indirect ones included.
	TooLong
	// TooLarge: a chain of more than 2^32 bytes (virtio 1.2 §2.7.5.2).
	TooLarge
	// BadAddress: a buffer or an indirect table is not in guest memory.
	BadAddress
	// BadOrder: a device-readable buffer after a device-writable one (virtio 1.2 §2.7.4.2).
	BadOrder
	// NotNegotiated: an indirect descriptor without the feature (virtio 1.2 §2.7.5.3.1).
	NotNegotiated
	// IndirectNext: an indirect descriptor that has a next (virtio 1.2 §2.7.5.3.1).
	IndirectNext
	// Nested: an indirect descriptor in an indirect table (virtio 1.2 §2.7.5.3.1).
	Nested
	// BadTable: an indirect table that is empty or ends within a descriptor (virtio 1.2 §2.7.5.3).
	BadTable
)

var reasons = [...]string{
	IndexJump:     "available index jumped",
	BadHead:       "head beyond the queue's size",
	BadNext:       "next descriptor beyond the table",
	Cycle:         "descriptor chain is a cycle",
	TooLong:       "descriptor chain longer than the queue",
	TooLarge:      "descriptor chain larger than 4 GiB",
	BadAddress:    "buffer outside guest memory",
	BadOrder:      "device-readable descriptor after a device-writable one",
	NotNegotiated: "indirect descriptor without the feature",
	IndirectNext:  "indirect descriptor with a next",
	Nested:        "indirect descriptor in an indirect table",
	BadTable:      "bad length of indirect table",
}

func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasons) {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasons[r]
}

// Error says that the driver broke a queue, and how. The device must be reset
// (virtio 1.2 §2.1.2, DEVICE_NEEDS_RESET).
type Error struct {
	Reason Reason
	Index  uint16 // the available index of the chain, or the one that jumped
	Desc   uint16 // the descriptor, in its table
	Addr   uint64 // that descriptor's address, where it matters
	Len    uint32 // and its length in bytes
}

func (e *Error) Error() string {
	switch e.Reason {
	case IndexJump:
		return fmt.Sprintf("broken virtqueue: %v to %d", e.Reason, e.Index)
	case BadAddress, BadTable:
		return fmt.Sprintf("broken virtqueue: %v: descriptor %d of the chain at index %d: %#x bytes at %#x",
			e.Reason, e.Desc, e.Index, e.Len, e.Addr)
	}
	return fmt.Sprintf("broken virtqueue: %v: descriptor %d of the chain at index %d", e.Reason, e.Desc, e.Index)
}
