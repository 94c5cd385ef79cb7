// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// learn notes the translation that a packet's first fragment has had, and its
// size in bytes, and resumes what was held for it. It returns false if there is no
// room.
func (c *fragments) learn(k *packet.Key, now uint32, t *translation, size int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prepare(now)
	at := c.find(k)
	if at == 0 {
		if at = c.add(k, t.zone); at == 0 {
			return false
		}
	} else {
		// Held ones wait, or the identification is used again.
		c.dequeue(at)
		c.enqueue(at)
	}
	e := &c.entries[at-1]
	if e.owner != t.zone {
		if !c.admit(t.zone) {
			c.remove(at)
			return false
		}
		c.zones[e.owner].entries--
		e.owner = t.zone
	}
	e.known, e.translation = true, *t
	e.have, e.size = uint32(size), 0
	c.letGo(e, true)
	return true
}

// A piece is a later fragment's part of the packet, in bytes.
type piece struct {
	offset, size int
	last         bool
}

// follow returns the translation for a later fragment, or a slot in which to hold
// it for a shard.
func (c *fragments) follow(k *packet.Key, now uint32, shard uint16, p piece) (t translation, slot uint32, r Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prepare(now)
	at := c.find(k)
	if at != 0 && c.entries[at-1].known {
		e := &c.entries[at-1]
		t = e.translation
		e.have += uint32(p.size)
		if p.last {
			e.size = uint32(p.offset + p.size)
		}
		if e.size > 0 && e.have >= e.size {
			c.remove(at) // all have come
		}
		return t, 0, Translated
	}
	if at == 0 {
		if at = c.add(k, k.Zone()); at == 0 {
			return t, 0, FragmentLimit
		}
	}
	slot, ok := c.hold(&c.entries[at-1], shard)
	if !ok {
		if c.entries[at-1].held.first == 0 {
			c.remove(at)
		}
		return t, 0, FragmentLimit
	}
	return t, slot, FirstMissing
}

// hold takes a slot for a fragment, at the end of its entry's list.
func (c *fragments) hold(e *fragment, shard uint16) (slot uint32, ok bool) {
	z := &c.zones[e.key.Zone()]
	if c.unheld == 0 || z.held >= uint32(len(c.held)/perZoneShare) {
		return 0, false
	}
	z.held++
	at := c.unheld
	c.unheld = c.held[at-1].next
	c.held[at-1] = holding{shard: shard}
	c.push(&e.held, at)
	return at - 1, true
}

// letGo passes an entry's held fragments to their shards' lists, in order.
func (c *fragments) letGo(e *fragment, resume bool) {
	for e.held.first != 0 {
		at := c.pop(&e.held)
		h := &c.held[at-1]
		h.resume = resume
		c.push(&c.waiting[h.shard], at)
		c.zones[e.key.Zone()].held--
		c.ready[h.shard].Add(1)
	}
}

// released takes slots off a shard's list.
func (c *fragments) released(shard uint16, dst []Release) int {
	if c.ready[shard].Load() == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(dst) && c.waiting[shard].first != 0 {
		at := c.pop(&c.waiting[shard])
		h := &c.held[at-1]
		dst[n] = Release{Slot: at - 1, Resume: h.resume}
		n++
		*h = holding{next: c.unheld}
		c.unheld = at
		c.ready[shard].Add(^uint32(0))
	}
	return n
}

// expireBatch bounds the work of a call of expire.
const expireBatch = 64

// expire forgets entries whose time is over.
func (c *fragments) expire(now uint32) {
	if !c.live.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = max(c.now, now)
	for range expireBatch {
		if c.oldest == 0 || c.entries[c.oldest-1].until > c.now {
			return
		}
		c.remove(c.oldest)
	}
}

// removeZone forgets a zone's packets, in both directions.
func (c *fragments) removeZone(zone uint16) {
	if !c.live.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := c.oldest; at != 0; {
		e := &c.entries[at-1]
		newer := e.newer
		if e.key.Zone() == zone || e.known && e.translation.zone == zone {
			c.remove(at)
		}
		at = newer
	}
}
