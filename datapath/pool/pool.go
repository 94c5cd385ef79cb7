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
// found when the buffer is got again. Without the tag nothing of this is checked, but
// that no more buffers are free than there are.
//
// The pool is one list of free buffers under a lock, for any number of goroutines. A
// goroutine with much to get or put has a [Cache] in front of it.
//
// The bytes may be memory shared with a guest. All that says which buffer is free,
// and where in a buffer its packet is, is kept outside of them.
package pool

import (
	"fmt"
	"math"
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
// allocates nothing after New but caches. Its lock is held for some ten nanoseconds at
// a time, while at most 64 indexes are copied.
type Pool struct {
	config   Config
	headroom uint32 // config's
	slots    []slot
	free     list
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
	p := &Pool{config: c, headroom: uint32(c.Headroom), slots: make([]slot, c.Buffers)}
	for i := range p.slots {
		s := &p.slots[i]
		at := i * c.Size
		s.pool, s.index = p, uint32(i)
		s.mem = arena[at : at+c.Size : at+c.Size]
		s.guard.init(s)
	}
	p.free.init(c.Buffers)
	return p, nil
}

// Config returns the shape that the pool was made with.
func (p *Pool) Config() Config { return p.config }

// Get takes a buffer, or returns false if none is free. Its packet is empty, its
// bytes are what the last owner left. The caller owns it.
func (p *Pool) Get() (Buffer, bool) {
	index, ok := p.free.pop()
	if !ok {
		return Buffer{}, false
	}
	return p.slots[index].take(p.headroom), true
}

// GetBatch takes as many buffers as are free and dst holds, 64 with each access to
// the free list, and returns how many it has put into dst. The caller owns them.
func (p *Pool) GetBatch(dst []Buffer) int {
	var index [moveMost]uint32
	got := 0
	for got < len(dst) {
		n := p.free.take(index[:min(len(dst)-got, moveMost)])
		if n == 0 {
			break
		}
		p.takeAll(dst[got:got+n], index[:n])
		got += n
	}
	return got
}

// PutBatch is Put for all of bufs, 64 with each access to the free list. It panics
// for a buffer of another pool, and has put none then. The handles in bufs are worth
// nothing afterwards.
func (p *Pool) PutBatch(bufs []Buffer) {
	if len(bufs) > moveMost {
		p.checkAll(bufs)
	}
	var index [moveMost]uint32
	for len(bufs) > 0 {
		// From the end, so that the first is on top.
		rest := max(0, len(bufs)-moveMost)
		n := p.leaveAll(index[:], bufs[rest:])
		p.free.give(index[:n])
		bufs = bufs[:rest]
	}
}

// takeAll makes the handles of the slots of index, which are the caller's since just
// now, the last one first. dst is as long as index.
func (p *Pool) takeAll(dst []Buffer, index []uint32) {
	slots, headroom := p.slots, p.headroom
	dst = dst[:len(index)]
	for i, at := range index {
		dst[len(dst)-1-i] = slots[at].take(headroom)
	}
}

// leaveAll ends the ownership of bufs and returns how many they are. It fills dst with
// the indexes of their slots, the last one first, which are the caller's to give. dst is
// at least as long as bufs. If it panics for a buffer of another pool, nothing was done
// but to write to dst.
func (p *Pool) leaveAll(dst []uint32, bufs []Buffer) int {
	if Debug {
		p.checkAll(bufs) // before the first guard hears of a put
	}
	dst = dst[:len(bufs)]
	for i, b := range bufs {
		s := p.mine(b)
		s.guard.put(s, b.stamp)
		dst[len(dst)-1-i] = s.index
	}
	return len(dst)
}

// checkAll panics if one of bufs is no buffer of p.
func (p *Pool) checkAll(bufs []Buffer) {
	for _, b := range bufs {
		p.mine(b)
	}
}

// mine returns the slot of b, and panics if it is none of p's.
func (p *Pool) mine(b Buffer) *slot {
	if b.slot == nil || b.slot.pool != p {
		panic("pool: put of a buffer of another pool")
	}
	return b.slot
}
