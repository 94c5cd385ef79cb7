// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// TestDropped: each Reason that a single packet can have.
func TestDropped(t *testing.T) {
	badHeader := udpPacket(guest, remote)
	badHeader[10] ^= 1
	noSum6 := pt.Build(ip(guest6, remote6), pt.UDP{Src: 5, Dst: 6, NoChecksum: true})
	ours := at(out4, 7)
	route := pt.Build(pt.IPv4{Src: guest.Addr(), Dst: remote.Addr(), Options: []byte{131, 3, 4}}, pt.UDP{Src: 5, Dst: 6})
	for _, c := range []struct {
		name  string
		frame []byte
		d     Direction
		zone  uint16
		want  Reason
	}{
		{"empty", nil, Outward, 1, Reason(packet.ShortNetwork)},
		{"version", []byte{0x50, 0}, Outward, 1, Reason(packet.BadVersion)},
		{"zone", udpPacket(guest, remote), Outward, MaxZone + 1, BadZone},
		{"zone outside", udpPacket(guest, remote), Outward, zoneOutside, BadZone},
		{"header sum", badHeader, Outward, 1, BadHeaderChecksum},
		{"udp6 without sum", noSum6, Outward, 1, NoUDPChecksum},
		{"source route", route, Outward, 1, SourceRouted},
		{"protocol", pt.Build(ip(guest, remote), pt.Payload("gre?")), Outward, 1, UnknownProtocol},
		{"icmpv6 over ipv4", pt.Build(pt.IPv4{Src: guest.Addr(), Dst: remote.Addr(), Protocol: 58}, make(pt.Payload, 8)), Outward, 1, UnknownProtocol},
		{"syn fin", tcpPacket(guest, remote, syn|fin), Outward, 1, BadTCPFlags},
		{"syn rst", tcpPacket(guest, remote, syn|rst), Outward, 1, BadTCPFlags},
		{"stray ack", tcpPacket(guest, remote, ack), Outward, 1, NoSession},
		{"stray syn ack", tcpPacket(guest, remote, synAck), Outward, 1, NoSession},
		{"stray rst", tcpPacket(guest, remote, rst), Outward, 1, NoSession},
		{"reply from inside", echo(guest, remote, true), Outward, 1, ICMPType},
		{"query from outside", echo(remote, ours, false), Inward, 0, ICMPType},
		{"router advertisement", pt.Build(ip(guest6, remote6), pt.ICMPv6{Type: 134}), Outward, 1, ICMPType},
		{"unsolicited udp", udpPacket(remote, ours), Inward, 0, Unsolicited},
		{"unsolicited syn", tcpPacket(remote, ours, syn), Inward, 0, Unsolicited},
		{"unsolicited reply", echo(remote, ours, true), Inward, 0, Unsolicited},
		{"not ours", udpPacket(remote, guest), Inward, 0, Unsolicited},
		{"spoofed", udpPacket(at(out4, 9), ours), Inward, 0, Spoofed},
		{"multicast source", udpPacket(ap("224.0.0.1:5"), remote), Outward, 1, Martian},
		{"broadcast source", udpPacket(ap("255.255.255.255:5"), remote), Outward, 1, Martian},
		{"zero source", udpPacket(ap("0.0.0.0:5"), remote), Outward, 1, Martian},
		{"loopback source", udpPacket(ap("127.0.0.1:5"), remote), Outward, 1, Martian},
		{"multicast", udpPacket(guest, ap("224.0.0.251:5353")), Outward, 1, Martian},
		{"broadcast", udpPacket(guest, ap("255.255.255.255:67")), Outward, 1, Martian},
		{"loopback", udpPacket(guest, ap("127.0.0.1:5")), Outward, 1, Martian},
		{"link-local", udpPacket(guest6, ap("[fe80::1]:5")), Outward, 1, Martian},
		{"multicast 6", udpPacket(guest6, ap("[ff02::fb]:5353")), Outward, 1, Martian},
		{"mapped", udpPacket(guest6, ap("[::ffff:1.2.3.4]:5")), Outward, 1, Martian},
		{"land", udpPacket(guest, guest), Outward, 1, Martian},
		{"source port 0", udpPacket(at(guest.Addr(), 0), remote), Outward, 1, Martian},
		{"port 0", udpPacket(guest, at(remote.Addr(), 0)), Outward, 1, Martian},
		{"martian from outside", udpPacket(ap("127.0.0.1:5"), ours), Inward, 0, Martian},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShardOf(t, nil)
			before := append([]byte(nil), c.frame...)
			var p Packet
			if c.d == Outward {
				p = outward(s, c.zone, c.frame)
			} else {
				p = inward(s, c.frame)
			}
			dropped(t, p, c.want)
			require.Equal(t, before, append([]byte(nil), c.frame...), "changed")
			require.Equal(t, uint64(1), s.Stats().Reasons[c.want])
			require.Equal(t, uint64(1), s.Stats().Dropped)
			requireEmpty(t, s.nat)
		})
	}
	s := newShardOf(t, nil)
	arp := pt.Build(pt.Ethernet{}, pt.ARP{Operation: 1, SenderIP: guest.Addr(), TargetIP: remote.Addr()})
	b := []Packet{{Frame: arp, Zone: 1}}
	s.Outbound(b)
	dropped(t, b[0], NotIP)
}

// TestPartial: the sum of the pseudo-header stays one (virtio 1.2 §5.1.6.2), so
// that whoever completes it gets a right checksum. ICMP has none.
func TestPartial(t *testing.T) {
	for _, c := range sessionCases {
		s := newShardOf(t, nil)
		for i := range 4 {
			frame := c.first(c.inner, c.remote)
			if c.name[:3] == "tcp" && i > 0 {
				frame = tcpPacket(c.inner, c.remote, ack)
			}
			complete := append([]byte(nil), frame...)
			setPartial(t, frame)
			b := []Packet{{Frame: frame, Zone: 1, Bare: true, Checksum: Partial}}
			s.Outbound(b)
			if c.name[:4] == "icmp" {
				dropped(t, b[0], PartialChecksum)
				continue
			}
			require.Equal(t, Send, b[0].Verdict, b[0].Reason.String())
			p := outward(s, 1, complete)
			sent(t, p)
			setPartial(t, p.Frame)
			require.Equal(t, p.Frame, frame, c.name)
		}
	}
}

// setPartial sets the checksum of an IP packet to the sum of its pseudo-header.
func setPartial(t *testing.T, frame []byte) {
	t.Helper()
	var p packet.Packet
	require.Equal(t, packet.Accepted, packet.ParseIP(frame, &p))
	segment := p.TransportSegment()
	sum := uint32(addressSum(&p)) + uint32(p.Protocol()) + uint32(len(segment))
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	if h := p.TCP(); h != nil {
		h.SetChecksum(uint16(sum))
	} else if h := p.UDP(); h != nil {
		h.SetChecksum(uint16(sum))
	}
}

// TestUDPZeros: no checksum stays none over IPv4 (RFC 768).
func TestUDPZeros(t *testing.T) {
	s := newShardOf(t, nil)
	for range 3 {
		frame := pt.Build(ip(guest, remote), pt.UDP{Src: 5000, Dst: 443, NoChecksum: true}, pt.Payload("x"))
		sent(t, outward(s, 1, frame))
		require.Equal(t, []byte{0, 0}, frame[26:28])
	}
	// Payloads that make every checksum, those that come out as zero included.
	for v := range 1 << 16 {
		frame := pt.Build(ip(guest, remote), pt.UDP{Src: 5000, Dst: 443}, pt.Payload{byte(v >> 8), byte(v)})
		sent(t, outward(s, 1, frame))
		require.NotEqual(t, []byte{0, 0}, frame[26:28])
		if testing.Short() && v > 4096 {
			break
		}
	}
}

// TestConfig: errors say what to do; a good configuration is taken.
func TestConfig(t *testing.T) {
	for name, edit := range map[string]func(*Config){
		"no address":    func(c *Config) { c.Outside = nil },
		"twice":         func(c *Config) { c.Outside = append(c.Outside, out4) },
		"multicast":     func(c *Config) { c.Outside[0] = addr("224.0.0.1") },
		"invalid":       func(c *Config) { c.Outside[0] = addr("::").Prev() },
		"shards":        func(c *Config) { c.Shards = 3 },
		"many shards":   func(c *Config) { c.Shards = 128 },
		"sessions":      func(c *Config) { c.MaxSessions = -1 },
		"zone sessions": func(c *Config) { c.MaxSessionsPerZone = -1 },
		"ports":         func(c *Config) { c.PortMin, c.PortMax = 3000, 2000 },
		"low ports":     func(c *Config) { c.PortMin = 80 },
		"fragments":     func(c *Config) { c.MaxFragments = 1 },
		"held":          func(c *Config) { c.HeldFragments = 1 },
		"short":         func(c *Config) { c.Timeouts.UDP = 1 },
		"long":          func(c *Config) { c.Timeouts.ICMP = 2 * maxTimeout },
	} {
		c := Config{Outside: []netip.Addr{out4, out6}}
		edit(&c)
		n, err := New(c)
		require.Nil(t, n, name)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "\n")
	}
	require.Equal(t, 64, newNAT(t, func(c *Config) { c.Shards = 64 }).Shards())
	for r := range Reason(Reasons) {
		require.NotEmpty(t, r.String())
		require.NotEqual(t, "unknown reason", r.String())
	}
	require.Equal(t, "unknown reason", Reason(Reasons).String())
}
