// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"sync/atomic"

	"arcbox.dev/datapath/packet"
)

// NAT is a set of shards and what they share.
type NAT struct {
	config    Config
	ticks     ticks
	pool      map[netip.Addr]int // the place of each outside address
	pool4     []netip.Addr
	pool6     []netip.Addr
	seed      packet.Seed
	shift     uint // of a permuted port, to its shard
	shards    []*Shard
	forwards  atomic.Pointer[forwards]
	limits    limits
	fragments *fragments
}

// New returns a NAT without sessions and forwards, or an error that says which
// part of the configuration is wrong.
func New(c Config) (*NAT, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	t, err := c.Timeouts.ticks()
	if err != nil {
		return nil, err
	}
	n := &NAT{
		config: c,
		ticks:  t,
		pool:   map[netip.Addr]int{},
		seed:   packet.NewSeed(),
		shift:  shardShift(c.Shards),
	}
	for i, a := range c.Outside {
		n.pool[a] = i
		if a.Is4() {
			n.pool4 = append(n.pool4, a)
		} else {
			n.pool6 = append(n.pool6, a)
		}
	}
	n.forwards.Store(&forwards{})
	n.limits.init(&c)
	n.fragments = newFragments(n)
	for i := range c.Shards {
		n.shards = append(n.shards, newShard(n, i))
	}
	return n, nil
}

// Shards returns the number of shards.
func (n *NAT) Shards() int { return len(n.shards) }

// Shard returns shard i.
func (n *NAT) Shard(i int) *Shard { return n.shards[i] }

// ours reports whether an address is in the pool.
func (n *NAT) ours(a netip.Addr) bool {
	_, ok := n.pool[a]
	return ok
}

// outsideOf returns a zone's address of the family of a, the zero Addr if there
// is none.
func (n *NAT) outsideOf(zone uint16, a netip.Addr) netip.Addr {
	pool := n.pool4
	if !a.Is4() {
		pool = n.pool6
	}
	if len(pool) == 0 {
		return netip.Addr{}
	}
	return pool[int(zone)%len(pool)]
}
