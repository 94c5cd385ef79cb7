// SPDX-License-Identifier: MIT OR Apache-2.0

// Package virtqtest is the driver side of a split virtqueue (virtio 1.2 §2.7), to
// test and measure devices from end to end without a guest.
//
// Driver keeps the rules as a guest's driver does. Rings breaks any of them.
package virtqtest

import (
	"errors"
	"fmt"

	"arcbox.dev/datapath/virtq"
)

// ErrFull says that there are not enough free descriptors.
var ErrFull = errors.New("adding chain: not enough free descriptors")

// Options are the negotiated features, and how to wake the device.
type Options struct {
	virtq.Options
	// Kick wakes the device. It may be nil.
	Kick func()
}

// Buffer is one buffer of a chain.
type Buffer struct {
	Addr     uint64 // guest address
	Len      uint32 // bytes
	Writable bool   // by the device
}

// Done is a chain that the device has used.
type Done struct {
	Head    uint16
	Written uint32 // bytes that the device says it wrote
}

// Driver is the driver of one queue, for one goroutine at a time.
type Driver struct {
	*Rings
	arena *Arena
	opts  Options

	free      []uint16 // stack of free descriptors
	next      []uint16 // by descriptor: the next of its chain
	length    []uint16 // by head: descriptors in its chain, 0 if it is not with the device
	tables    []table  // by head: its indirect table
	added     uint16   // available index with what was added
	published uint16   // available index that the device sees
	seen      uint16   // used index of the next element to reap
	noSignal  bool     // interrupts are disabled
}

// table is memory for an indirect table.
type table struct {
	addr uint64
	mem  []byte
}

// NewDriver allocates a queue of a power of two of descriptors from the arena.
func NewDriver(a *Arena, size uint16, o Options) (*Driver, error) {
	l, err := AllocLayout(a, size)
	if err != nil {
		return nil, err
	}
	r, err := NewRings(a.Memory(), l)
	if err != nil {
		return nil, err
	}
	d := &Driver{
		Rings:  r,
		arena:  a,
		opts:   o,
		free:   make([]uint16, size),
		next:   make([]uint16, size),
		length: make([]uint16, size),
		tables: make([]table, size),
	}
	for i := range d.free {
		d.free[i] = size - 1 - uint16(i)
	}
	return d, nil
}

// AllocLayout allocates the parts of a queue as Linux does: one after the other,
// the used ring on a page of its own. The parts are zeroed.
func AllocLayout(a *Arena, size uint16) (virtq.Layout, error) {
	if size == 0 || size > virtq.MaxSize || size&(size-1) != 0 {
		return virtq.Layout{}, fmt.Errorf("allocating a queue: bad size %d", size)
	}
	l := virtq.Layout{Size: size}
	for _, part := range []struct {
		addr        *uint64
		size, align uint64
	}{
		{&l.Desc, DescSize * uint64(size), 4096},
		{&l.Avail, availBytes(size), 4},
		{&l.Used, usedBytes(size), 4096},
	} {
		addr, mem, err := a.Alloc(part.size, part.align)
		if err != nil {
			return virtq.Layout{}, fmt.Errorf("allocating a queue of %d: %w", size, err)
		}
		clear(mem)
		*part.addr = addr
	}
	return l, nil
}

// Free is the number of free descriptors.
func (d *Driver) Free() int { return len(d.free) }

// Add adds a chain of descriptors, one for each buffer, which the device sees after
// Publish or Kick. The error is ErrFull while the queue is too full for it.
func (d *Driver) Add(bufs ...Buffer) (head uint16, err error) {
	if len(bufs) == 0 {
		return 0, errors.New("adding chain: no buffers")
	}
	if len(bufs) > len(d.free) {
		return 0, ErrFull
	}
	at := len(d.free)
	head = d.free[at-1]
	for i, b := range bufs {
		at--
		desc := b.desc()
		if i < len(bufs)-1 {
			desc.Flags |= FlagNext
			desc.Next = d.free[at-1]
		}
		d.SetDesc(d.free[at], desc)
		d.next[d.free[at]] = desc.Next
	}
	d.free = d.free[:at]
	d.length[head] = uint16(len(bufs))
	d.makeAvailable(head)
	return head, nil
}

// AddIndirect adds a chain of one descriptor that refers to a table with one for
// each buffer. The error is ErrFull while the queue is full. Tables are allocated
// from the arena, and used again with the same head.
func (d *Driver) AddIndirect(bufs ...Buffer) (head uint16, err error) {
	if len(bufs) == 0 || len(bufs) > len(d.length) {
		return 0, fmt.Errorf("adding indirect chain: %d buffers in a queue of %d", len(bufs), len(d.length))
	}
	if len(d.free) == 0 {
		return 0, ErrFull
	}
	head = d.free[len(d.free)-1]
	t := &d.tables[head]
	size := len(bufs) * DescSize
	if size > len(t.mem) {
		if t.addr, t.mem, err = d.arena.Alloc(uint64(size), DescSize); err != nil {
			return 0, err
		}
	}
	for i, b := range bufs {
		desc := b.desc()
		if i < len(bufs)-1 {
			desc.Flags |= FlagNext
			desc.Next = uint16(i + 1)
		}
		desc.Put(t.mem[i*DescSize:])
	}
	d.SetDesc(head, Desc{Addr: t.addr, Len: uint32(size), Flags: FlagIndirect})
	d.free = d.free[:len(d.free)-1]
	d.length[head] = 1
	d.makeAvailable(head)
	return head, nil
}

func (b Buffer) desc() Desc {
	d := Desc{Addr: b.Addr, Len: b.Len}
	if b.Writable {
		d.Flags = FlagWrite
	}
	return d
}

// makeAvailable puts a chain into the available ring (virtio 1.2 §2.7.13).
func (d *Driver) makeAvailable(head uint16) {
	d.SetAvailEntry(d.added, head)
	d.added++
}

// Publish shows the device all chains that were added, and says whether it wants
// a kick for them (virtio 1.2 §2.7.10.1).
func (d *Driver) Publish() (kick bool) {
	if d.added == d.published {
		return false
	}
	old := d.published
	d.published = d.added
	d.storeAvail()
	// The store above comes before these loads, see virtq.Queue.Publish.
	flags, _ := d.Used()
	if d.opts.EventIdx {
		return d.published-d.AvailEvent()-1 < d.published-old
	}
	return flags&UsedNoNotify == 0
}

// Kick publishes, and wakes the device if it wants it.
func (d *Driver) Kick() {
	if d.Publish() && d.opts.Kick != nil {
		d.opts.Kick()
	}
}

func (d *Driver) storeAvail() {
	flags := uint16(0)
	if d.noSignal && !d.opts.EventIdx {
		flags = AvailNoInterrupt
	}
	d.SetAvail(flags, d.published)
}
