// SPDX-License-Identifier: MIT OR Apache-2.0

package virtiotest

import (
	"fmt"
	"io"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
)

// hostileMemory is the size of the guest memory of a Hostile in bytes. A chain is as
// many times as large as the queue has descriptors, so it is small.
const hostileMemory = 32 << 10

// Hostile is a queue whose driver does what a script says, for fuzz tests of devices.
type Hostile struct {
	Queue  *virtio.Queue // for the device's StartQueue
	Memory *guestmem.Memory

	idle   chan struct{} // gets a value when the device waits for a kick
	broken chan struct{} // closed when the queue is broken
	err    error
}

// NewHostile makes a queue of so many descriptors. The first two bytes of the script
// are how many chains and how many descriptors there are. Then come a byte for each
// chain's head, and five for each descriptor: address in units of 256 bytes, from
// Base on and beyond the memory; length (16 bits, in units of 16 bytes if the top bit
// is set); flags; next. What is left is what memory holds from Base on.
func NewHostile(size uint16, script []byte) (*Hostile, error) {
	a, err := virtqtest.NewMemory(hostileMemory + 64<<10)
	if err != nil {
		return nil, fmt.Errorf("making a hostile driver: %w", err)
	}
	_, buffers, err := a.Alloc(hostileMemory, 1)
	if err != nil {
		return nil, fmt.Errorf("making a hostile driver: %w", err)
	}
	l, err := virtqtest.AllocLayout(a, size)
	if err != nil {
		return nil, fmt.Errorf("making a hostile driver: %w", err)
	}
	rings, err := virtqtest.NewRings(a.Memory(), l)
	if err != nil {
		return nil, fmt.Errorf("making a hostile driver: %w", err)
	}
	q, err := virtq.New(a.Memory(), l, virtq.Options{Indirect: true})
	if err != nil {
		return nil, fmt.Errorf("making a hostile driver: %w", err)
	}
	copy(buffers, play(rings, size, script))
	h := &Hostile{Memory: a.Memory(), idle: make(chan struct{}, 1), broken: make(chan struct{})}
	h.Queue = &virtio.Queue{Queue: q, Kick: &idleKick{idle: h.idle, closed: make(chan struct{})}, Call: make(call, 1), Broken: func(err error) {
		h.err = err
		close(h.broken)
	}}
	return h, nil
}

// play writes the script to the rings and returns what is left of it.
func play(r *virtqtest.Rings, size uint16, script []byte) []byte {
	next := func() (b byte) {
		if len(script) > 0 {
			b, script = script[0], script[1:]
		}
		return b
	}
	n := uint16(next()) % (size + 2) // one more than is allowed
	descriptors := uint16(next()) % (size + 1)
	for i := range n {
		r.SetAvailEntry(i%size, uint16(next()))
	}
	for i := range descriptors {
		d := virtqtest.Desc{Addr: virtqtest.Base + 256*uint64(next()), Len: uint32(next()) | uint32(next())<<8}
		if d.Len&0x8000 != 0 {
			d.Len = d.Len & 0x7fff * 16
		}
		d.Flags, d.Next = uint16(next()), uint16(next())
		r.SetDesc(i, d)
	}
	r.SetAvail(0, n)
	return script
}

// Settle waits until the device has done all that the driver asks for, and returns
// what broke the queue, if anything did.
func (h *Hostile) Settle() error {
	select {
	case <-h.idle:
		return nil
	case <-h.broken:
		return h.err
	}
}

// idleKick is a kick that never comes.
type idleKick struct {
	idle   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (k *idleKick) Wait() error {
	select {
	case k.idle <- struct{}{}:
	default:
	}
	<-k.closed
	return io.EOF
}

func (k *idleKick) Close() error {
	k.once.Do(func() { close(k.closed) })
	return nil
}
