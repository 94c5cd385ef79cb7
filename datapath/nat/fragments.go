// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"sync"
	"sync/atomic"

	"arcbox.dev/datapath/packet"
)

// fragments is what all shards know of packets in fragments, since a later
// fragment doesn't say to which shard it belongs. Fragments are rare. All storage
// is made with the first one.
type fragments struct {
	nat *NAT
	// Whether there may be entries; and for each shard, slots to be released.
	// Both are hints, to leave the mutex alone: what they announce is stored
	// before them, under the mutex, and read under it again.
	live  atomic.Bool
	ready []atomic.Uint32

	mu      sync.Mutex
	now     uint32   // tick
	buckets []uint32 // chains of entries, by hash; numbers plus 1, as are all below
	entries []fragment
	free    uint32
	oldest  uint32 // entries in the order of their expiry
	newest  uint32
	held    []holding
	unheld  uint32 // free ones
	waiting []list // to be released, by shard
	zones   []zoneFragments
}

// perZoneShare is the part of all entries, and of all held fragments, that a zone
// may take: one in so many. The outside counts as a zone, until it is known for
// which guest a packet is.
const perZoneShare = 16

type zoneFragments struct{ entries, held uint32 }

// A fragment is an entry about a packet in fragments: known once the first has
// come, and until then a list of those held.
type fragment struct {
	key          packet.Key
	translation  translation
	until        uint32 // tick
	owner        uint16 // the zone on whose account it is: the guest's, once known
	known        bool
	chain        uint32 // in the bucket, or of free entries
	older, newer uint32
	held         list
	have, size   uint32 // payload bytes seen, and in all; 0 while the last is missing
}

// A holding is a fragment that the caller of a shard holds.
type holding struct {
	next   uint32
	shard  uint16
	resume bool
}

// A list is a queue of holdings, first and last.
type list struct{ first, last uint32 }

func (c *fragments) push(l *list, at uint32) {
	c.held[at-1].next = 0
	if l.last != 0 {
		c.held[l.last-1].next = at
	} else {
		l.first = at
	}
	l.last = at
}

func (c *fragments) pop(l *list) uint32 {
	at := l.first
	if l.first = c.held[at-1].next; l.first == 0 {
		l.last = 0
	}
	return at
}

func newFragments(n *NAT) *fragments {
	return &fragments{
		nat: n, now: 1,
		ready:   make([]atomic.Uint32, n.config.Shards),
		waiting: make([]list, n.config.Shards),
	}
}

// prepare notes the tick and makes the storage. The mutex is held here and in all
// that doesn't lock it.
func (c *fragments) prepare(now uint32) {
	c.now = max(c.now, now)
	if c.entries != nil {
		return
	}
	n := c.nat.config.MaxFragments
	size := 1
	for size < n {
		size *= 2
	}
	c.buckets = make([]uint32, size)
	c.entries = make([]fragment, n)
	for i := range c.entries {
		c.entries[i].chain = c.free
		c.free = uint32(i) + 1
	}
	c.held = make([]holding, c.nat.config.HeldFragments)
	for i := range c.held {
		c.held[i].next = c.unheld
		c.unheld = uint32(i) + 1
	}
	c.zones = make([]zoneFragments, 1<<16)
}

func (c *fragments) bucket(k *packet.Key) *uint32 {
	return &c.buckets[k.Hash(&c.nat.seed)%uint64(len(c.buckets))]
}

// find returns the number, plus 1, of a key's entry, 0 if there is none.
func (c *fragments) find(k *packet.Key) uint32 {
	at := *c.bucket(k)
	for at != 0 && c.entries[at-1].key != *k {
		at = c.entries[at-1].chain
	}
	return at
}

// admit counts an entry of a zone, unless there are too many.
func (c *fragments) admit(owner uint16) bool {
	z := &c.zones[owner]
	if z.entries >= uint32(len(c.entries)/perZoneShare) {
		return false
	}
	z.entries++
	return true
}

// add makes an entry, unless there are too many.
func (c *fragments) add(k *packet.Key, owner uint16) uint32 {
	if c.free == 0 || !c.admit(owner) {
		return 0
	}
	at := c.free
	e := &c.entries[at-1]
	c.free = e.chain
	b := c.bucket(k)
	*e = fragment{key: *k, owner: owner, chain: *b}
	*b = at
	c.live.Store(true)
	c.enqueue(at)
	return at
}

// enqueue makes an entry the newest, with all of its time before it.
func (c *fragments) enqueue(at uint32) {
	e := &c.entries[at-1]
	e.until = c.now + c.nat.ticks.fragment
	e.older, e.newer = c.newest, 0
	if c.newest != 0 {
		c.entries[c.newest-1].newer = at
	} else {
		c.oldest = at
	}
	c.newest = at
}

func (c *fragments) dequeue(at uint32) {
	e := &c.entries[at-1]
	if e.older != 0 {
		c.entries[e.older-1].newer = e.newer
	} else {
		c.oldest = e.newer
	}
	if e.newer != 0 {
		c.entries[e.newer-1].older = e.older
	} else {
		c.newest = e.older
	}
}

// remove forgets an entry; fragments that wait for it are to be dropped.
func (c *fragments) remove(at uint32) {
	e := &c.entries[at-1]
	c.letGo(e, false)
	c.dequeue(at)
	link := c.bucket(&e.key)
	for *link != at {
		link = &c.entries[*link-1].chain
	}
	*link = e.chain
	c.zones[e.owner].entries--
	*e = fragment{chain: c.free}
	c.free = at
	if c.oldest == 0 {
		c.live.Store(false)
	}
}
