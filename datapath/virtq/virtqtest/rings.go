// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// Descriptor flags (virtio 1.2 §2.7.5).
const (
	FlagNext     uint16 = 1
	FlagWrite    uint16 = 2
	FlagIndirect uint16 = 4
)

// Ring flags (virtio 1.2 §2.7.6, §2.7.8).
const (
	AvailNoInterrupt uint16 = 1
	UsedNoNotify     uint16 = 1
)

// Desc is a descriptor (virtio 1.2 §2.7.5).
type Desc struct {
	Addr  uint64
	Len   uint32 // bytes
	Flags uint16
	Next  uint16
}

// DescSize is the size of a descriptor in guest memory, in bytes.
const DescSize = 16

// Put writes the descriptor to the first DescSize bytes of b.
func (d Desc) Put(b []byte) {
	binary.LittleEndian.PutUint64(b, d.Addr)
	binary.LittleEndian.PutUint32(b[8:], d.Len)
	binary.LittleEndian.PutUint16(b[12:], d.Flags)
	binary.LittleEndian.PutUint16(b[14:], d.Next)
}

// Rings writes and reads a queue's parts field by field and knows no rules: it is
// what a hostile driver needs, and what Driver is made of. Arguments must be in
// range, or its methods panic.
type Rings struct {
	layout virtq.Layout
	desc   []byte
	avail  []byte // entries
	used   []byte // entries

	availWord  *atomic.Uint32 // flags (low half) and index (high half)
	usedWord   *atomic.Uint32 // likewise
	usedEvent  *guestmem.Uint16
	availEvent *guestmem.Uint16
}

// NewRings finds the parts of a queue in guest memory. Unlike a device it wants
// the available ring at a multiple of 4, to write flags and index as one word.
func NewRings(mem *guestmem.Memory, l virtq.Layout) (*Rings, error) {
	n := uint64(l.Size)
	desc, err := mem.Slice(l.Desc, n*DescSize)
	if err != nil {
		return nil, fmt.Errorf("finding descriptor table: %w", err)
	}
	avail, err := mem.Slice(l.Avail, availBytes(l.Size))
	if err != nil {
		return nil, fmt.Errorf("finding available ring: %w", err)
	}
	used, err := mem.Slice(l.Used, usedBytes(l.Size))
	if err != nil {
		return nil, fmt.Errorf("finding used ring: %w", err)
	}
	r := &Rings{layout: l, desc: desc, avail: avail[4 : 4+2*n], used: used[4 : 4+8*n]}
	var errs [4]error
	r.availWord, errs[0] = mem.Atomic32(l.Avail)
	r.usedWord, errs[1] = mem.Atomic32(l.Used)
	r.usedEvent, errs[2] = mem.Uint16(l.Avail + 4 + 2*n)
	r.availEvent, errs[3] = mem.Uint16(l.Used + 4 + 8*n)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("finding the words of a queue: %w", err)
	}
	return r, nil
}

func availBytes(size uint16) uint64 { return 4 + 2*uint64(size) + 2 }
func usedBytes(size uint16) uint64  { return 4 + 8*uint64(size) + 2 }

// Layout is where the queue's parts are.
func (r *Rings) Layout() virtq.Layout { return r.layout }

// SetDesc writes descriptor i.
func (r *Rings) SetDesc(i uint16, d Desc) { d.Put(r.desc[int(i)*DescSize:]) }

// SetAvailEntry writes the entry that the available index i refers to.
func (r *Rings) SetAvailEntry(i, head uint16) {
	binary.LittleEndian.PutUint16(r.avail[2*int(i%r.layout.Size):], head)
}

// SetAvail publishes the available ring's flags and index.
func (r *Rings) SetAvail(flags, index uint16) {
	r.availWord.Store(uint32(flags) | uint32(index)<<16)
}

// Avail reads the available ring's flags and index.
func (r *Rings) Avail() (flags, index uint16) {
	w := r.availWord.Load()
	return uint16(w), uint16(w >> 16)
}

// SetUsedEvent writes the used index at which the driver wants an interrupt.
func (r *Rings) SetUsedEvent(index uint16) { r.usedEvent.Store(index) }

// SetUsed writes the used ring's flags and index, which are the device's.
func (r *Rings) SetUsed(flags, index uint16) {
	r.usedWord.Store(uint32(flags) | uint32(index)<<16)
}

// Used reads the used ring's flags and index.
func (r *Rings) Used() (flags, index uint16) {
	w := r.usedWord.Load()
	return uint16(w), uint16(w >> 16)
}

// UsedEntry reads the element that the used index i refers to.
func (r *Rings) UsedEntry(i uint16) (head uint32, written uint32) {
	b := r.used[8*int(i%r.layout.Size):]
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

// AvailEvent reads the available index at which the device wants a kick.
func (r *Rings) AvailEvent() uint16 { return r.availEvent.Load() }
