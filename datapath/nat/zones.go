// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

// zoneLists hold the first session of each zone, in two levels, since most zones
// don't exist.
type zoneLists struct {
	pages [256]*[256]uint32 // the session's number plus 1
}

func (z *zoneLists) first(zone uint16) uint32 {
	page := z.pages[zone>>8]
	if page == nil {
		return noIndex
	}
	return page[zone&0xff] - 1 // 0 becomes noIndex
}

func (z *zoneLists) setFirst(zone uint16, i uint32) {
	page := z.pages[zone>>8]
	if page == nil {
		page = new([256]uint32)
		z.pages[zone>>8] = page
	}
	page[zone&0xff] = i + 1 // noIndex becomes 0
}

// link puts a session at the head of its zone's list.
func (s *Shard) link(i uint32) {
	se := s.sessions.at(i)
	head := s.zones.first(se.zone)
	se.next, se.prev = head, noIndex
	if head != noIndex {
		s.sessions.at(head).prev = i
	}
	s.zones.setFirst(se.zone, i)
}

func (s *Shard) unlink(i uint32) {
	se := s.sessions.at(i)
	if se.prev == noIndex {
		s.zones.setFirst(se.zone, se.next)
	} else {
		s.sessions.at(se.prev).next = se.next
	}
	if se.next != noIndex {
		s.sessions.at(se.next).prev = se.prev
	}
}
