// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	crand "crypto/rand"
	"math/rand/v2"
	"time"

	"arcbox.dev/datapath/flowtable"
	"arcbox.dev/datapath/packet"
	"arcbox.dev/datapath/pad"
	"arcbox.dev/datapath/wheel"
)

// Shard is a part of a NAT, with sessions and ports of its own. All methods are
// for one goroutine at a time, which may be another one for each shard.
type Shard struct {
	_         pad.Line
	nat       *NAT
	number    uint16
	now       uint32    // the present tick, at least 1
	forwards  *forwards // as of this batch
	sink      uint64    // keeps early loads from being left out
	fastSeed  uint64    // odd
	crowd     uint32    // flows that found both places taken
	table     *flowtable.Table
	cursor    flowtable.Cursor
	sessions  slab[session]
	mappings  slab[mapping]
	timers    *wheel.Wheel
	timerRoom int          // timers that there are
	spaces    []*portSpace // three for each address of the pool
	layout    *portLayout
	random    *rand.ChaCha8
	zones     zoneLists
	counts    counts
	fast      [fastEntries]fastEntry
	gate      fastGate
	lanes     [lanes]lane
	quoted    packet.Packet
	turned    lane // a packet on its way back in
	due       [64]uint32
	_         pad.Line
}

// initialFlows is how many entries the table has room for at first.
const initialFlows = 1024

func newShard(n *NAT, number int) *Shard {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	s := &Shard{
		nat:      n,
		number:   uint16(number),
		now:      1,
		forwards: n.forwards.Load(),
		table:    flowtable.New(initialFlows),
		timers:   wheel.New(1),
		spaces:   make([]*portSpace, 3*len(n.config.Outside)),
		layout:   newPortLayout(&n.config, number),
		random:   rand.NewChaCha8(seed),
	}
	s.fastSeed = s.random.Uint64() | 1
	return s
}

// Advance tells the shard how much time has passed since New, up to 68 years, and
// lets go of what is idle. A call does a bounded amount of work; it returns true
// if there is more, for the next call with the same time. Time doesn't go back.
func (s *Shard) Advance(now time.Duration) (more bool) {
	at := min(uint64(max(now, 0)/tick)+1, watch-1)
	s.now = max(s.now, uint32(at))
	s.nat.fragments.expire(s.now)
	n := s.timers.Expired(uint64(s.now), s.due[:])
	for _, i := range s.due[:n] {
		if deadline := s.deadline(s.sessions.at(i)); deadline > uint64(s.now) {
			s.timers.Set(i, deadline)
		} else {
			s.remove(i)
			s.counts.expired++
		}
	}
	return n == len(s.due)
}

// NextExpiry returns a time before which Advance has no session to let go, and
// false if there are none.
func (s *Shard) NextExpiry() (time.Duration, bool) {
	at, ok := s.timers.Next()
	if !ok {
		return 0, false
	}
	return time.Duration(at-1) * tick, true
}

// deadline returns the tick at which a session has been idle for too long. Its
// timer is armed for no later: packets only leave a mark, and the timer is set
// anew when it comes due.
func (s *Shard) deadline(se *session) uint64 {
	t := &s.nat.ticks
	timeout := t.icmp
	switch se.protocol() {
	case packet.ProtocolTCP:
		timeout = t.transitory
		if se.tcp.lasting() {
			timeout = t.established
		}
	case packet.ProtocolUDP:
		timeout = t.udp
	}
	return uint64(se.lastSeen()) + uint64(timeout)
}

// RemoveZone forgets all that belongs to a zone's guest: to be called for each
// shard before the zone is given to another one.
func (s *Shard) RemoveZone(zone uint16) {
	if zone > MaxZone {
		return
	}
	for i := s.zones.first(zone); i != noIndex; i = s.zones.first(zone) {
		s.remove(i)
	}
	s.nat.fragments.removeZone(zone)
}
