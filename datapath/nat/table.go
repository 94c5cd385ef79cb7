// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"arcbox.dev/datapath/flowtable"
	"arcbox.dev/datapath/packet"
)

// One table indexes all there is to find by key. A reference is a session's
// number times two plus a Direction, or a mapping's number with mappingRef.
const mappingRef = 1 << 31

func flowRef(i uint32, d Direction) uint32 { return i<<1 | uint32(d) }

// flow returns the flow of a reference that is no mapping's.
func (s *Shard) flow(ref uint32) *flow {
	return &s.sessions.at(ref >> 1).flows[ref&1]
}

// find returns the reference of the flow with the given key.
func (s *Shard) find(k *packet.Key, hash uint64) (ref uint32, ok bool) {
	var c flowtable.Cursor
	for ref, ok = s.table.Find(hash, &c); ok; ref, ok = s.table.Next(&c) {
		if ref&mappingRef == 0 && s.flow(ref).key.Equal(k) {
			return ref, true
		}
	}
	return 0, false
}

// index makes a session's flows known to the table.
func (s *Shard) index(i uint32) {
	se := s.sessions.at(i)
	for d := range se.flows {
		s.table.Insert(se.flows[d].key.Hash(&s.nat.seed), flowRef(i, Direction(d)))
	}
}

func (s *Shard) unindex(i uint32) {
	se := s.sessions.at(i)
	for d := range se.flows {
		s.table.Delete(se.flows[d].key.Hash(&s.nat.seed), flowRef(i, Direction(d)))
	}
}
