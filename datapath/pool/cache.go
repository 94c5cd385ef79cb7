// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"fmt"

	"arcbox.dev/datapath/pad"
)

// CacheMost is the largest size of a cache in buffers.
const CacheMost = 2 * moveMost

// Cache is one goroutine's stock of free buffers in front of a pool: a magazine
// (J. Bonwick and J. Adams, "Magazines and Vmem", USENIX 2001, §3). As long as it is
// neither empty nor full, getting and putting are a few plain loads and stores; half of
// its size is then moved from or to the pool at once. What was put last is got first.
//
// A Cache is used by one goroutine at a time. A buffer may be put to another cache than
// the one it was got from, or to the pool. Nobody else can get what a cache holds, so a
// pool needs as many buffers more as its caches can hold together; a cache that is
// not used any more is to be flushed.
type Cache struct {
	_    pad.Line
	pool *Pool
	held []uint32 // indexes of slots that the cache owns, the top at the end; the capacity is its size
	_    pad.Line
}

// NewCache makes an empty cache of 2 to [CacheMost] buffers. It should be twice the
// batches that are got or put at least; four times halves the accesses to the pool.
func (p *Pool) NewCache(size int) (*Cache, error) {
	if size < 2 || size > CacheMost {
		return nil, fmt.Errorf("making cache of packet buffers: size %d is not between 2 and %d", size, CacheMost)
	}
	const line = pad.Size / 4 // in indexes
	held := make([]uint32, size+2*line)
	return &Cache{pool: p, held: held[line : line : line+size]}, nil
}

// Get is [Pool.Get] from the cache, or from the pool if it is empty.
func (c *Cache) Get() (Buffer, bool) {
	if len(c.held) == 0 && !c.refill() {
		return Buffer{}, false
	}
	top := len(c.held) - 1
	index := c.held[top]
	c.held = c.held[:top]
	return c.pool.slots[index].take(c.pool.headroom), true
}

// GetBatch is [Pool.GetBatch] from the cache, and from the pool when it is empty.
func (c *Cache) GetBatch(dst []Buffer) int {
	got := 0
	for got < len(dst) {
		if len(c.held) == 0 && !c.refill() {
			break
		}
		n := min(len(dst)-got, len(c.held))
		rest := len(c.held) - n
		c.pool.takeAll(dst[got:got+n], c.held[rest:])
		c.held = c.held[:rest]
		got += n
	}
	return got
}

// Put is [Buffer.Put] to the cache. It panics for a buffer of another pool.
func (c *Cache) Put(b Buffer) {
	s := c.pool.mine(b)
	s.guard.put(s, b.stamp)
	if len(c.held) == cap(c.held) {
		c.spill()
	}
	c.held = append(c.held, s.index)
}

// PutBatch is [Pool.PutBatch] to the cache. A batch of more than half of its size goes
// to the pool.
func (c *Cache) PutBatch(bufs []Buffer) {
	if len(bufs) > c.half() {
		c.pool.PutBatch(bufs)
		return
	}
	if len(bufs) > cap(c.held)-len(c.held) {
		c.spill()
	}
	at := len(c.held)
	n := c.pool.leaveAll(c.held[at:cap(c.held)], bufs)
	c.held = c.held[:at+n]
}

// Flush gives all that the cache holds back to the pool.
func (c *Cache) Flush() {
	for len(c.held) > 0 {
		c.give(min(len(c.held), moveMost))
	}
}

// half is how much is moved at once, at least 1 and at most moveMost.
func (c *Cache) half() int { return cap(c.held) / 2 }

// refill moves half a cache from the pool to the empty cache, and reports whether there
// was any.
func (c *Cache) refill() bool {
	c.held = c.held[:c.pool.free.take(c.held[:c.half()])]
	return len(c.held) > 0
}

// spill makes room for half a cache, of which at least half is full.
func (c *Cache) spill() { c.give(c.half()) }

// give moves the n lowest to the pool: what was put longest ago.
func (c *Cache) give(n int) {
	c.pool.free.give(c.held[:n])
	c.held = c.held[:copy(c.held, c.held[n:])]
}
