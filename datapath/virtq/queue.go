// SPDX-License-Identifier: MIT OR Apache-2.0

// Package virtq is the device side of a split virtqueue (virtio 1.2 §2.7).
//
// The driver on the other side is hostile. Nothing that it writes makes a Queue
// panic, reach outside guest memory, loop, or grow: where the rings are and how
// large they are is checked once and frozen, indexes and descriptor fields are
// read once into variables, chains are capped at the queue's size, and the first
// thing that breaks the rules breaks the queue for good (*Error).
//
// A device serves a queue in a loop:
//
//	wait for a kick; DisableKicks
//	Pop a batch, work on it, Push each chain, Publish (and interrupt if told), until Pop has none
//	EnableKicks; once more if it says that there are more
//
// Order between the two sides rests on two words, which hold each ring's flags
// and index: everything the driver wrote before it advanced the available index is
// visible after the atomic load here, and everything written here before the
// atomic store that advances the used index is visible to the driver that sees
// it. Atomics of Go are sequentially consistent, which makes them the full
// barriers that notification suppression needs.
package virtq

import (
	"fmt"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
)

// MaxSize is the largest queue size (virtio 1.2 §2.7).
const MaxSize = 32768

// Sizes and offsets in bytes of what is in guest memory (virtio 1.2 §2.7.5, §2.7.6, §2.7.8).
const (
	descSize     = 16
	ringHeader   = 4 // flags and index
	ringTrailer  = 2 // the other side's event index
	availEntry   = 2
	usedEntry    = 8
	indexInRing  = 2
	descAlign    = 16
	availAlign   = 2
	usedAlign    = 4
	wordsAligned = 4
)

// Layout is where a queue's parts are in guest memory.
type Layout struct {
	Size  uint16 // number of descriptors: a power of two up to MaxSize
	Desc  uint64 // address of the descriptor table, a multiple of 16
	Avail uint64 // address of the available ring, a multiple of 2
	Used  uint64 // address of the used ring, a multiple of 4
}

// Options are the negotiated features that concern queues (virtio 1.2 §6).
type Options struct {
	EventIdx bool // VIRTIO_F_EVENT_IDX
	Indirect bool // VIRTIO_F_INDIRECT_DESC
}

// Queue is the device side of one queue, for one goroutine at a time.
type Queue struct {
	mem      *guestmem.Memory
	desc     []byte          // the descriptor table
	avail    []uint16        // the available ring's entries: heads
	used     [][2]uint32     // the used ring's entries: head, bytes written
	region   guestmem.Region // where the last buffer was
	mask     uint16          // size-1
	eventIdx bool
	indirect bool
	forced   bool // the next Publish interrupts, whatever the driver asked for

	availIndex *atomic.Uint32   // the word that holds the available index
	availShift uint             // bits below the index in that word
	availFlags *guestmem.Uint16 // written by the driver
	usedEvent  *guestmem.Uint16 // written by the driver, after the available ring
	usedWord   *atomic.Uint32   // used ring's flags (low half) and index (high half)
	availEvent *guestmem.Uint16 // written by the device, after the used ring

	nextAvail uint16        // index of the next chain to pop
	staged    uint16        // used index with what was pushed
	published uint16        // used index that the driver sees
	usedFlags uint16        // flags that the driver sees in the used ring
	err       error         // what broke the queue
	fence     atomic.Uint32 // value without meaning: accesses to it order others
}

// New makes a queue over guest memory. It does not touch the memory. Each part of
// the queue must lie in one region of mem.
func New(mem *guestmem.Memory, l Layout, o Options) (*Queue, error) {
	if l.Size == 0 || l.Size > MaxSize || l.Size&(l.Size-1) != 0 {
		return nil, fmt.Errorf("setting up virtqueue: size %d is not a power of two up to %d", l.Size, MaxSize)
	}
	q := &Queue{mem: mem, mask: l.Size - 1, eventIdx: o.EventIdx, indirect: o.Indirect}
	if err := q.bindTables(l); err != nil {
		return nil, fmt.Errorf("setting up virtqueue: %w", err)
	}
	if err := q.bindWords(l); err != nil {
		return nil, fmt.Errorf("setting up virtqueue: %w", err)
	}
	return q, nil
}

// bindTables finds the descriptor table and the entries of the rings.
func (q *Queue) bindTables(l Layout) (err error) {
	n := uint64(l.Size)
	if q.desc, err = part(q.mem, l.Desc, descAlign, descSize*n); err != nil {
		return fmt.Errorf("descriptor table %w", err)
	}
	if _, err = part(q.mem, l.Avail, availAlign, ringHeader+availEntry*n+ringTrailer); err == nil {
		q.avail, err = guestmem.Entries[uint16](q.mem, l.Avail+ringHeader, n)
	}
	if err != nil {
		return fmt.Errorf("available ring %w", err)
	}
	if _, err = part(q.mem, l.Used, usedAlign, ringHeader+usedEntry*n+ringTrailer); err == nil {
		q.used, err = guestmem.Entries[[2]uint32](q.mem, l.Used+ringHeader, n)
	}
	if err != nil {
		return fmt.Errorf("used ring %w", err)
	}
	return nil
}

// part returns one part of a queue, its header and trailer included.
func part(mem *guestmem.Memory, addr, align, size uint64) ([]byte, error) {
	if addr%align != 0 {
		return nil, fmt.Errorf("at %#x is not aligned to %d bytes", addr, align)
	}
	b, err := mem.Slice(addr, size)
	if err != nil {
		return nil, fmt.Errorf("at %#x: %w", addr, err)
	}
	return b, nil
}

// bindWords finds the words that both sides use to synchronise.
func (q *Queue) bindWords(l Layout) (err error) {
	n := uint64(l.Size)
	// The available ring is aligned to 2 bytes only, an atomic word to 4. Either
	// the word at its beginning holds flags and index, or the one after the flags
	// holds the index and the first entry.
	word := l.Avail
	q.availShift = 16
	if l.Avail%wordsAligned != 0 {
		word, q.availShift = l.Avail+indexInRing, 0
	}
	if q.availIndex, err = q.mem.Atomic32(word); err != nil {
		return err
	}
	if q.availFlags, err = q.mem.Uint16(l.Avail); err != nil {
		return err
	}
	if q.usedEvent, err = q.mem.Uint16(l.Avail + ringHeader + availEntry*n); err != nil {
		return err
	}
	if q.usedWord, err = q.mem.Atomic32(l.Used); err != nil {
		return err
	}
	q.availEvent, err = q.mem.Uint16(l.Used + ringHeader + usedEntry*n)
	return err
}

// Size is the number of descriptors.
func (q *Queue) Size() uint16 { return q.mask + 1 }

// Err returns what broke the queue, an *Error, or nil.
func (q *Queue) Err() error { return q.err }

// Position returns the index of the next chain to pop and the published used index.
func (q *Queue) Position() (avail, used uint16) { return q.nextAvail, q.published }

// SetPosition moves the queue to where another instance of the device left it. It
// is for a queue that has not been served yet. Since it is not known what the
// driver was told, the next Publish interrupts, and the device must look for
// chains, and call EnableKicks, before it waits for the first kick.
func (q *Queue) SetPosition(avail, used uint16) {
	q.nextAvail, q.staged, q.published = avail, used, used
	q.forced = true
}

// UsedIndex reads the used index in guest memory: what an earlier instance of the
// device published last, for a transport that is told the available index alone.
// The driver can write there too, so it is a claim.
func (q *Queue) UsedIndex() uint16 { return uint16(q.usedWord.Load() >> 16) }

// InFlight is the number of chains that were popped and not pushed yet.
func (q *Queue) InFlight() int { return int(q.nextAvail - q.staged) }
