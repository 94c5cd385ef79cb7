// SPDX-License-Identifier: MIT OR Apache-2.0

// Package pool has packet buffers of one size that are handed from owner to owner.
//
// A [Buffer] has one owner at a time. Get makes the caller its owner; whoever is
// given the Buffer by its owner owns it next; Put, by the owner, gives it back.
// Nobody touches a Buffer, or bytes that it returned, which it doesn't own. A queue
// or channel between two owners has to order what they do, as all of Go's do.
//
// With the build tag pooldebug a pool holds its users to this. Each handle carries
// the generation that it was made for, so a second Put, and any use after Put, also
// of a buffer that somebody else has got since, panics and says who put it. The
// bytes of a free buffer are poisoned, and what was written to them meanwhile is
// found when the buffer is got again. Without the tag nothing of this is checked.
//
// The bytes may be memory shared with a guest. All that says which buffer is free,
// and where in a buffer its packet is, is kept outside of them.
package pool

import (
	"fmt"
	"math"

	"arcbox.dev/datapath/pad"
)

// Config is the shape of a pool.
type Config struct {
	Buffers  int // number of buffers, at least 1
	Size     int // bytes in each, headroom included; a multiple of pad.Size keeps them off each other's cache lines
	Headroom int // bytes kept free in front of a packet, for headers that are added later; less than Size

	// Shared says that others write to the arena at any time. A pooldebug build then
	// doesn't take what it finds in a free buffer for its users' doing.
	Shared bool
}

// check returns the bytes that a pool of this shape takes.
func (c Config) check() (int, error) {
	switch {
	case c.Buffers < 1 || c.Buffers > math.MaxInt32:
		return 0, fmt.Errorf("making packet pool: %d buffers are not between 1 and 2^31-1", c.Buffers)
	case c.Size < 1 || c.Size > math.MaxInt32:
		return 0, fmt.Errorf("making packet pool: buffer size of %d bytes is not between 1 and 2^31-1", c.Size)
	case c.Headroom < 0 || c.Headroom >= c.Size:
		return 0, fmt.Errorf("making packet pool: headroom of %d bytes in buffers of %d", c.Headroom, c.Size)
	case c.Buffers > math.MaxInt/c.Size:
		return 0, fmt.Errorf("making packet pool: %d buffers of %d bytes are more than can be addressed", c.Buffers, c.Size)
	}
	return c.Buffers * c.Size, nil
}

// Pool is a set of buffers, for any number of goroutines. It never grows, and
// neither blocks nor allocates after New.
type Pool struct {
	config Config
	slots  []slot
	_      pad.Line // what all read is off the line that all write
	free   stack
	_      pad.Line
}

// New makes a pool in memory of its own.
func New(c Config) (*Pool, error) {
	n, err := c.check()
	if err != nil {
		return nil, err
	}
	return Over(make([]byte, n), c)
}

// Over makes a pool in an arena, which stays the caller's to unmap after all use of
// the pool. Buffer i is the Size bytes at i*Size; the arena may be longer.
func Over(arena []byte, c Config) (*Pool, error) {
	n, err := c.check()
	if err != nil {
		return nil, err
	}
	if n > len(arena) {
		return nil, fmt.Errorf("making packet pool: %d buffers of %d bytes in an arena of %d bytes",
			c.Buffers, c.Size, len(arena))
	}
	p := &Pool{config: c, slots: make([]slot, c.Buffers)}
	for i := range p.slots {
		s := &p.slots[i]
		at := i * c.Size
		s.pool, s.index = p, uint32(i)
		s.mem = arena[at : at+c.Size : at+c.Size]
		s.guard.init(s)
		// Linked so that the first buffers are got first.
		if i+1 < len(p.slots) {
			s.next.Store(uint32(i + 2))
		}
	}
	p.free.top.Store(1)
	return p, nil
}

// Config returns the shape that the pool was made with.
func (p *Pool) Config() Config { return p.config }

// Get takes a buffer, or returns false if none is free. Its packet is empty, its
// bytes are what the last owner left. The caller owns it.
func (p *Pool) Get() (Buffer, bool) {
	s := p.free.pop(p.slots)
	if s == nil {
		return Buffer{}, false
	}
	return s.take(), true
}

// GetBatch takes as many buffers as are free and dst holds, with one access to the
// free list, and returns how many it has put into dst. The caller owns them.
func (p *Pool) GetBatch(dst []Buffer) int {
	first, n := p.free.popN(p.slots, len(dst))
	// The slots are the caller's alone now, so their links stay as they are.
	for i := range n {
		s := &p.slots[first-1]
		first = s.next.Load()
		dst[i] = s.take()
	}
	return n
}

// PutBatch is Put for all of bufs, with one access to the free list. It panics for a
// buffer of another pool. The handles in bufs are worth nothing afterwards.
func (p *Pool) PutBatch(bufs []Buffer) {
	if len(bufs) == 0 {
		return
	}
	// Checked before any is free, for a panic must not leave half of a batch behind.
	for i := range bufs {
		if bufs[i].slot == nil || bufs[i].slot.pool != p {
			panic("pool: PutBatch of a buffer of another pool")
		}
	}
	var last *slot
	for i := range bufs {
		s := bufs[i].slot
		s.guard.put(s, bufs[i].stamp)
		if last != nil {
			last.link(s.index + 1)
		}
		last = s
	}
	p.free.push(bufs[0].slot, last)
}
