// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"time"

	"arcbox.dev/datapath/packet"
)

// model is a NAT of one shard, as maps: it says what must become of a packet, and
// takes note of what did where several answers are right. It knows IPv4 and IPv6,
// one forward a protocol, no fragments, errors and hairpin.
type model struct {
	config   Config
	forwards []Forward
	now      int64 // ticks
	sessions map[*modelSession]bool
	inside   map[modelTuple]*modelSession // by zone, inner, remote
	outside  map[modelTuple]*modelSession // by outer, remote
	mappings map[modelTuple][]*modelMapping
}

// modelTuple has only the fields that the map needs.
type modelTuple struct {
	protocol    uint8
	zone        uint16
	near, there netip.AddrPort
}

type modelSession struct {
	in, out modelTuple
	mapping *modelMapping
	seen    int64
	tcp     modelTCP
}

type modelMapping struct {
	endpoint modelTuple
	outer    netip.AddrPort
	sessions int
}

// modelTCP is written from RFC 5382 §5 and RFC 7857 §2 again.
type modelTCP struct {
	synOut, synIn, finOut, finIn, agreed, reset, fromOutside bool
}

func newModel(c Config, forwards []Forward) *model {
	return &model{
		config: c, forwards: forwards,
		sessions: map[*modelSession]bool{}, inside: map[modelTuple]*modelSession{},
		outside: map[modelTuple]*modelSession{}, mappings: map[modelTuple][]*modelMapping{},
	}
}

// modelPacket is what a packet says; for ICMP the remote port is the type.
type modelPacket struct {
	protocol  uint8
	zone      uint16 // outward
	from, to  netip.AddrPort
	flags     uint8
	badSum    bool
	direction Direction
}

// verdict is what the model wants: a drop, or a translation whose new address
// and port are one of several.
type verdict struct {
	reason Reason
	zone   uint16
	to     map[netip.AddrPort]bool
	// note takes the choice.
	note func(netip.AddrPort)
}

func exactly(a netip.AddrPort) map[netip.AddrPort]bool { return map[netip.AddrPort]bool{a: true} }

func (m *model) packet(p modelPacket) verdict {
	if p.direction == Outward {
		return m.outward(p)
	}
	return m.inward(p)
}

func (m *model) outward(p modelPacket) verdict {
	in := modelTuple{p.protocol, p.zone, p.from, p.to}
	if s := m.inside[in]; s != nil {
		return verdict{to: exactly(s.out.near), note: func(netip.AddrPort) { m.seen(s, p) }}
	}
	if p.protocol == tcp && p.flags&synAck != syn {
		return verdict{reason: NoSession}
	}
	if p.badSum {
		return verdict{reason: BadChecksum}
	}
	if r := m.limit(p.zone); r != Translated {
		return verdict{reason: r}
	}
	address := out4
	if p.from.Addr().Is6() {
		address = out6
	}
	for _, w := range m.forwards {
		if w.Protocol == p.protocol && w.Zone == p.zone && w.Inside == p.from && m.free(p.protocol, w.Outside, p.to) {
			return m.create(p, in, exactly(w.Outside), nil)
		}
	}
	endpoint := modelTuple{p.protocol, p.zone, p.from, netip.AddrPort{}}
	old := map[netip.AddrPort]bool{}
	for _, g := range m.mappings[endpoint] {
		if m.free(p.protocol, g.outer, p.to) {
			old[g.outer] = true
		}
	}
	if len(old) > 0 {
		return m.create(p, in, old, &endpoint)
	}
	ports := m.newPorts(p, address)
	if len(ports) == 0 || len(m.mappings[endpoint]) == maxMappings {
		return verdict{reason: NoPort}
	}
	return m.create(p, in, ports, &endpoint)
}

// newPorts are those that a new mapping may get.
func (m *model) newPorts(p modelPacket, address netip.Addr) map[netip.AddrPort]bool {
	users := map[netip.AddrPort]int{}
	for e, list := range m.mappings {
		for _, g := range list {
			if e.protocol == p.protocol {
				users[g.outer]++
			}
		}
	}
	free, parity, shared := map[netip.AddrPort]bool{}, map[netip.AddrPort]bool{}, map[netip.AddrPort]bool{}
	for port := m.config.PortMin; port <= m.config.PortMax; port++ {
		a := at(address, port)
		if users[a] == 0 {
			if port == p.from.Port() {
				return exactly(a)
			}
			free[a] = true
			if port%2 == p.from.Port()%2 {
				parity[a] = true
			}
		} else if m.free(p.protocol, a, p.to) {
			shared[a] = true
		}
	}
	switch {
	case p.protocol == udp && len(parity) > 0:
		return parity
	case len(free) > 0:
		return free
	}
	return shared
}

func (m *model) inward(p modelPacket) verdict {
	out := modelTuple{p.protocol, 0, p.to, p.from}
	if s := m.outside[out]; s != nil {
		return verdict{zone: s.in.zone, to: exactly(s.in.near), note: func(netip.AddrPort) { m.seen(s, p) }}
	}
	if p.protocol != tcp && p.protocol != udp || p.protocol == tcp && p.flags&synAck != syn {
		return verdict{reason: Unsolicited}
	}
	var in modelTuple
	var mapping *modelMapping
	for _, w := range m.forwards {
		if w.Protocol == p.protocol && w.Outside == p.to {
			in = modelTuple{p.protocol, w.Zone, w.Inside, p.from}
		}
	}
	if in.protocol == 0 && m.config.EndpointIndependentFiltering {
		n := 0
		for e, list := range m.mappings {
			for _, g := range list {
				if e.protocol == p.protocol && g.outer == p.to {
					mapping, in = g, modelTuple{p.protocol, e.zone, e.near, p.from}
					n++
				}
			}
		}
		if n > 1 {
			in = modelTuple{}
		}
	}
	switch {
	case in.protocol == 0:
		return verdict{reason: Unsolicited}
	case p.badSum:
		return verdict{reason: BadChecksum}
	case m.inside[in] != nil:
		return verdict{reason: Clash}
	}
	if r := m.limit(in.zone); r != Translated {
		return verdict{reason: r}
	}
	return verdict{zone: in.zone, to: exactly(in.near), note: func(netip.AddrPort) {
		s := &modelSession{in: in, out: out, mapping: mapping}
		s.tcp.fromOutside = true
		m.add(s, p)
	}}
}

// create is the verdict of an outward packet that makes a session.
func (m *model) create(p modelPacket, in modelTuple, to map[netip.AddrPort]bool, endpoint *modelTuple) verdict {
	return verdict{to: to, note: func(outer netip.AddrPort) {
		s := &modelSession{in: in, out: modelTuple{p.protocol, 0, outer, p.to}}
		if endpoint != nil {
			for _, g := range m.mappings[*endpoint] {
				if g.outer == outer {
					s.mapping = g
				}
			}
			if s.mapping == nil {
				s.mapping = &modelMapping{endpoint: *endpoint, outer: outer}
				m.mappings[*endpoint] = append(m.mappings[*endpoint], s.mapping)
			}
		}
		m.add(s, p)
	}}
}

func (m *model) add(s *modelSession, p modelPacket) {
	if s.mapping != nil {
		s.mapping.sessions++
	}
	m.sessions[s], m.inside[s.in], m.outside[s.out] = true, s, s
	m.seen(s, p)
}

func (m *model) free(protocol uint8, outer, remote netip.AddrPort) bool {
	return m.outside[modelTuple{protocol, 0, outer, remote}] == nil
}

func (m *model) limit(zone uint16) Reason {
	n := 0
	for s := range m.sessions {
		if s.in.zone == zone {
			n++
		}
	}
	switch {
	case n >= min(m.config.MaxSessionsPerZone, m.config.MaxSessions):
		return ZoneLimit
	case len(m.sessions) >= m.config.MaxSessions:
		return TotalLimit
	}
	return Translated
}

// seen notes a translated packet of a session.
func (m *model) seen(s *modelSession, p modelPacket) {
	s.seen = m.now
	if p.protocol != tcp {
		return
	}
	c, outward := &s.tcp, p.direction == Outward
	has := func(f uint8) bool { return p.flags&f != 0 }
	if has(rst) {
		c.reset = true
		return
	}
	if has(syn) {
		if !has(ack) && (c.reset || c.finOut && c.finIn) {
			*c = modelTCP{fromOutside: !outward}
		}
		c.synOut, c.synIn = c.synOut || outward, c.synIn || !outward
		return
	}
	if outward {
		c.reset = false
		c.finOut = c.finOut || has(fin)
	} else {
		c.finIn = c.finIn || has(fin)
	}
	if c.synOut && c.synIn && has(ack) && outward != c.fromOutside {
		c.agreed = true
	}
}

func (s *modelSession) timeout() time.Duration {
	c := s.tcp
	switch {
	case s.in.protocol == udp:
		return 5 * time.Minute
	case s.in.protocol != tcp:
		return time.Minute
	case c.agreed && !c.reset && !(c.finOut && c.finIn):
		return 2*time.Hour + 4*time.Minute
	}
	return 4 * time.Minute
}

// advance removes what has been idle for longer than its time.
func (m *model) advance(d time.Duration) {
	m.now += int64(d / time.Second)
	for s := range m.sessions {
		if m.now > s.seen+int64(s.timeout()/time.Second) {
			m.remove(s)
		}
	}
}

func (m *model) removeZone(zone uint16) {
	for s := range m.sessions {
		if s.in.zone == zone {
			m.remove(s)
		}
	}
}

func (m *model) remove(s *modelSession) {
	delete(m.sessions, s)
	delete(m.inside, s.in)
	delete(m.outside, s.out)
	g := s.mapping
	if g == nil {
		return
	}
	if g.sessions--; g.sessions > 0 {
		return
	}
	var rest []*modelMapping
	for _, o := range m.mappings[g.endpoint] {
		if o != g {
			rest = append(rest, o)
		}
	}
	if m.mappings[g.endpoint] = rest; rest == nil {
		delete(m.mappings, g.endpoint)
	}
}

func (m *model) mapped() int {
	n := 0
	for _, list := range m.mappings {
		n += len(list)
	}
	return n
}

var modelRemotes = []netip.AddrPort{
	remote, ap("198.51.100.7:53"), ap("192.0.2.9:443"), remote6, ap("[2001:db8:9::9]:53"),
}

func icmpOf(a netip.Addr) uint8 {
	if a.Is4() {
		return packet.ProtocolICMP
	}
	return packet.ProtocolICMPv6
}

func echoType(a netip.Addr) uint16 {
	if a.Is4() {
		return packet.ICMPv4Echo
	}
	return packet.ICMPv6Echo
}
