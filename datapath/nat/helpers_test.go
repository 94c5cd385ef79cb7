// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

const (
	tcp = packet.ProtocolTCP
	udp = packet.ProtocolUDP

	syn    = packet.TCPSyn
	ack    = packet.TCPAck
	fin    = packet.TCPFin
	rst    = packet.TCPRst
	synAck = syn | ack
)

var (
	ap      = netip.MustParseAddrPort
	addr    = netip.MustParseAddr
	out4    = addr("203.0.113.1")
	out4b   = addr("203.0.113.2")
	out6    = addr("2001:db8::1")
	guest   = ap("10.0.0.2:5000")
	guest6  = ap("[fd00::2]:5000")
	remote  = ap("198.51.100.7:443")
	remote6 = ap("[2001:db8:7::7]:443")
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

// newNAT returns a NAT with an address of each family, changed by edit.
func newNAT(t testing.TB, edit func(*Config)) *NAT {
	t.Helper()
	c := Config{Outside: []netip.Addr{out4, out6}}
	if edit != nil {
		edit(&c)
	}
	n, err := New(c)
	require.NoError(t, err)
	return n
}

func newShardOf(t testing.TB, edit func(*Config)) *Shard { return newNAT(t, edit).Shard(0) }

// ip returns the IP layer between two addresses.
func ip(src, dst netip.AddrPort) pt.Layer {
	if src.Addr().Is4() {
		return pt.IPv4{Src: src.Addr(), Dst: dst.Addr()}
	}
	return pt.IPv6{Src: src.Addr(), Dst: dst.Addr()}
}

// udpPacket, tcpPacket and query build IP packets. A query's source port is its
// identifier; a reply's is the destination's.
func udpPacket(src, dst netip.AddrPort) []byte {
	return pt.Build(ip(src, dst), pt.UDP{Src: src.Port(), Dst: dst.Port()}, pt.Payload("some data"))
}

func tcpPacket(src, dst netip.AddrPort, flags uint8) []byte {
	return pt.Build(ip(src, dst), pt.TCP{Src: src.Port(), Dst: dst.Port(), Flags: flags, Seq: 7}, pt.Payload("data"))
}

func echo(src, dst netip.AddrPort, reply bool) []byte {
	id := src.Port()
	if reply {
		id = dst.Port()
	}
	if src.Addr().Is4() {
		t := uint8(packet.ICMPv4Echo)
		if reply {
			t = packet.ICMPv4EchoReply
		}
		return pt.Build(ip(src, dst), pt.ICMP{Type: t, ID: id, Seq: 1}, pt.Payload("ping"))
	}
	t := uint8(packet.ICMPv6Echo)
	if reply {
		t = packet.ICMPv6EchoReply
	}
	return pt.Build(ip(src, dst), pt.ICMPv6{Type: t, ID: id, Seq: 1}, pt.Payload("ping"))
}

// outward and inward pass one bare packet through a shard.
func outward(s *Shard, zone uint16, frame []byte) Packet {
	b := []Packet{{Frame: frame, Zone: zone, Bare: true}}
	s.Outbound(b)
	return b[0]
}

func inward(s *Shard, frame []byte) Packet {
	b := []Packet{{Frame: frame, Bare: true}}
	s.Inbound(b)
	return b[0]
}

// sent requires a packet to have gone out, with right checksums, and returns its
// ends; delivered the same inward, to a zone.
func sent(t testing.TB, p Packet) (src, dst netip.AddrPort) {
	t.Helper()
	require.Equal(t, Send, p.Verdict, p.Reason.String())
	require.NoError(t, pt.VerifyIP(p.Frame))
	return ends(t, p.Frame)
}

func delivered(t testing.TB, p Packet, zone uint16) (src, dst netip.AddrPort) {
	t.Helper()
	require.Equal(t, Deliver, p.Verdict, p.Reason.String())
	require.Equal(t, zone, p.Zone)
	require.NoError(t, pt.VerifyIP(p.Frame))
	return ends(t, p.Frame)
}

func dropped(t testing.TB, p Packet, r Reason) {
	t.Helper()
	require.Equal(t, Drop, p.Verdict)
	require.Equal(t, r.String(), p.Reason.String())
}

// ends returns where an IP packet comes from and goes to.
func ends(t require.TestingT, frame []byte) (src, dst netip.AddrPort) {
	var p packet.Packet
	require.Equal(t, packet.Accepted, packet.ParseIP(frame, &p))
	var k packet.Key
	require.True(t, p.Key(0, &k), fmt.Sprint(frame))
	return at(k.SrcAddr(), k.SrcPort()), at(k.DstAddr(), k.DstPort())
}

// requireEmpty requires that a NAT holds nothing any more.
func requireEmpty(t testing.TB, n *NAT) {
	t.Helper()
	for i := range n.Shards() {
		s := n.Shard(i)
		require.Zero(t, s.sessions.used, "sessions")
		require.Zero(t, s.mappings.used, "mappings")
		require.Zero(t, s.table.Len(), "table")
		_, armed := s.timers.Next()
		require.False(t, armed, "timers")
		for _, p := range s.spaces {
			if p != nil {
				require.Equal(t, make([]uint64, len(p.used)), p.used, "ports")
				require.Equal(t, make([]uint16, len(p.extra)), append([]uint16{}, p.extra...), "shared ports")
			}
		}
		require.Equal(t, [fastEntries]fastEntry{}, s.fast)
	}
	require.Zero(t, n.limits.total.Load())
	for i := range n.limits.zones {
		if count := n.limits.zones[i].Load(); count != 0 {
			t.Fatalf("zone %d has %d sessions", i, count)
		}
	}
	require.Zero(t, n.fragments.oldest)
	require.False(t, n.fragments.live.Load())
}
