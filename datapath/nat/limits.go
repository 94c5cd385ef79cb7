// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"sync/atomic"

	"arcbox.dev/datapath/pad"
)

// limits count the sessions of all shards, so that no guest fills the table.
// They are touched when a session is made or goes, never for its packets.
type limits struct {
	total   pad.Uint64
	zones   []atomic.Uint32
	max     uint64
	maxZone uint32
}

func (l *limits) init(c *Config) {
	l.zones = make([]atomic.Uint32, MaxZone+1)
	l.max = uint64(c.MaxSessions)
	l.maxZone = uint32(min(c.MaxSessionsPerZone, c.MaxSessions))
}

// admit counts a session of a zone, unless there are too many. What was counted
// in vain is taken back; a shard that looks in between may refuse one too many.
func (l *limits) admit(zone uint16) Reason {
	if l.zones[zone].Add(1) > l.maxZone {
		l.zones[zone].Add(^uint32(0))
		return ZoneLimit
	}
	if l.total.Add(1) > l.max {
		l.leave(zone)
		return TotalLimit
	}
	return Translated
}

// leave takes a session of a zone off the count.
func (l *limits) leave(zone uint16) {
	l.total.Add(^uint64(0))
	l.zones[zone].Add(^uint32(0))
}
