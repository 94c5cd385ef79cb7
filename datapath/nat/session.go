// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"
	"net/netip"

	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
)

// A flow is one direction of a session, in one cache line: what its packets look
// like when they come, and what becomes of them. An outward flow's source is
// rewritten, an inward flow's destination.
type flow struct {
	key packet.Key
	// The new address in network order; of an IPv4 one the first 4 bytes, and
	// the IPv4 header checksum's Delta in the next two, in Go's order.
	to   [16]byte
	port uint16         // the new port, or ICMP identifier
	l4   checksum.Delta // of the transport checksum
	// The tick of the last packet, 0 if there was none, and watch.
	mark uint32
}

const (
	// watch in a mark sends every packet of the flow to the slow path.
	watch = 1 << 31
	// noIndex is no session, mapping or slot.
	noIndex = ^uint32(0)
)

func (f *flow) ip4() checksum.Delta {
	return checksum.Delta(binary.NativeEndian.Uint16(f.to[4:]))
}

// touch notes that a packet was seen at a tick, and keeps watch.
func (f *flow) touch(now uint32) { f.mark = now | f.mark&watch }

// set makes the flow rewrite from into to.
func (f *flow) set(key packet.Key, from, to netip.AddrPort) {
	f.key = key
	f.port = to.Port()
	var d checksum.Delta
	if a, b := from.Addr(), to.Addr(); a.Is4() {
		a, b := a.As4(), b.As4()
		d = d.Add32(binary.BigEndian.Uint32(a[:]), binary.BigEndian.Uint32(b[:]))
		copy(f.to[:], b[:])
		binary.NativeEndian.PutUint16(f.to[4:], uint16(d))
	} else {
		f.to = b.As16()
		a := a.As16()
		d = d.Add128(&a, &f.to)
	}
	if key.Protocol() == packet.ProtocolICMP {
		d = 0 // no pseudo-header (RFC 792)
	}
	f.l4 = d.Add16(from.Port(), to.Port())
}

// A session is a pair of flows, by Direction, and what only the slow path needs.
type session struct {
	flows [2]flow
	// The rest is a cache line of its own.
	mapping    uint32 // noIndex if its port on the outside is a forward's
	next, prev uint32 // in the zone's list; next also in the list of free ones
	zone       uint16
	tcp        tcpBits
	hairpin    bool // the remote end is an address of ours
	_          [48]byte
}

// protocol returns the IP protocol.
func (se *session) protocol() uint8 { return se.flows[Outward].key.Protocol() }

// remote returns the session's end on the outside. For ICMP its port is the
// query's type.
func (se *session) remote() netip.AddrPort {
	k := &se.flows[Outward].key
	return netip.AddrPortFrom(k.DstAddr(), k.DstPort())
}

// watchBoth sends both directions to the slow path, or lets them pass by it.
// What goes outward by hairpin is always watched.
func (se *session) watchBoth(on bool) {
	for d := range se.flows {
		f := &se.flows[d]
		f.mark &^= watch
		if on || se.hairpin && Direction(d) == Outward {
			f.mark |= watch
		}
	}
}

// lastSeen returns the tick of the session's last packet.
func (se *session) lastSeen() uint32 {
	return max(se.flows[Outward].mark&^watch, se.flows[Inward].mark&^watch)
}
