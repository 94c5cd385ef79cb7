// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// TestIPv4TCPRoundTrip: what the builder put in, the views give out.
func TestIPv4TCPRoundTrip(t *testing.T) {
	u8, u16, u32 := rapid.Byte(), rapid.Uint16(), rapid.Uint32()
	rapid.Check(t, func(t *rapid.T) {
		addr := func(s string) netip.Addr {
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(u8, 4, 4).Draw(t, s)))
		}
		ip := pt.IPv4{Src: addr("src"), Dst: addr("dst"), TTL: u8.Draw(t, "ttl") | 1,
			DSCP: u8.Draw(t, "dscp") & 63, ID: u16.Draw(t, "id"), DF: rapid.Bool().Draw(t, "df")}
		seg := pt.TCP{Src: u16.Draw(t, "sport"), Dst: u16.Draw(t, "dport"), Seq: u32.Draw(t, "seq"),
			Ack: u32.Draw(t, "ack"), Flags: u8.Draw(t, "flags"), Window: u16.Draw(t, "window"),
			Options: make([]byte, rapid.IntRange(0, 40).Draw(t, "options"))}
		body := pt.Payload(rapid.SliceOfN(u8, 0, 100).Draw(t, "body"))
		e := eth
		e.VLANs = rapid.SliceOfN(u16, 0, 2).Draw(t, "tags")
		frame := pt.Pad(pt.Build(e, ip, seg, body), 60)

		var p packet.Packet
		require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
		require.NoError(t, pt.VerifyIP(p.NetworkPacket()))
		require.Equal(t, packet.MAC(e.Src), p.Ethernet().Src())
		require.Equal(t, packet.MAC(e.Dst), p.Ethernet().Dst())
		require.Equal(t, len(e.VLANs), p.Tags())
		for i, tci := range e.VLANs {
			require.Equal(t, tci&0xfff, p.VLAN(i).ID())
			require.Equal(t, uint8(tci>>13), p.VLAN(i).Priority())
			require.Equal(t, tci&0x1000 != 0, p.VLAN(i).DropEligible())
			p.VLAN(i).SetID(0x5abc)
			require.Equal(t, uint16(0xabc), p.VLAN(i).ID())
			require.Equal(t, uint8(tci>>13), p.VLAN(i).Priority())
		}
		h, s := p.IPv4(), p.TCP()
		require.Equal(t, ip, pt.IPv4{Src: h.SrcAddr(), Dst: h.DstAddr(), TTL: h.TTL(),
			DSCP: h.DSCP(), ID: h.ID(), DF: h.DontFragment()})
		require.Equal(t, seg, pt.TCP{Src: s.SrcPort(), Dst: s.DstPort(), Seq: s.Seq(), Ack: s.Ack(),
			Flags: s.Flags(), Window: s.Window(), Options: seg.Options})
		require.Equal(t, len(p.NetworkPacket()), int(h.TotalLength()))
		require.Equal(t, []byte(body), append([]byte{}, p.Payload()...))

		ecn := h.ECN()
		h.SetDSCP(46)
		require.Equal(t, uint8(46), h.DSCP())
		require.Equal(t, ecn, h.ECN())
	})
}

func TestIPv6UDPRoundTrip(t *testing.T) {
	u8, u16 := rapid.Byte(), rapid.Uint16()
	rapid.Check(t, func(t *rapid.T) {
		ip := ip6
		ip.HopLimit, ip.TrafficClass = u8.Draw(t, "hops")|1, u8.Draw(t, "class")
		ip.FlowLabel = rapid.Uint32Range(0, 0xfffff).Draw(t, "label")
		seg := pt.UDP{Src: u16.Draw(t, "sport"), Dst: u16.Draw(t, "dport")}
		body := pt.Payload(rapid.SliceOfN(u8, 0, 100).Draw(t, "body"))
		layers := []pt.Layer{ip}
		for range rapid.IntRange(0, 8).Draw(t, "extensions") {
			layers = append(layers, pt.Extension{Type: 60})
		}
		b := pt.Build(append(layers, seg, body)...)

		var p packet.Packet
		require.Equal(t, packet.Accepted, packet.ParseIP(b, &p))
		require.NoError(t, pt.VerifyIP(b))
		h, s := p.IPv6(), p.UDP()
		require.Equal(t, ip, pt.IPv6{Src: h.SrcAddr(), Dst: h.DstAddr(), HopLimit: h.HopLimit(),
			TrafficClass: h.TrafficClass(), FlowLabel: h.FlowLabel()})
		require.Equal(t, seg, pt.UDP{Src: s.SrcPort(), Dst: s.DstPort()})
		require.Equal(t, 8+len(body), int(s.Length()))
		require.Equal(t, []byte(body), append([]byte{}, p.Payload()...))

		want := h.TrafficClass()&3 | 46<<2
		h.SetDSCP(46)
		require.Equal(t, want, h.TrafficClass())
		require.Equal(t, ip.FlowLabel, h.FlowLabel())
		require.Equal(t, byte(6), b[0]>>4)
	})
}

// TestSetters: each setter changes its own bytes, in network order.
func TestSetters(t *testing.T) {
	var v4 packet.IPv4
	v4.SetTTL(1)
	v4.SetChecksum(0x0203)
	v4.SetSrc(0x04050607)
	v4.SetDst(0x08090a0b)
	require.Equal(t, packet.IPv4{8: 1, 10: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, v4)
	require.Equal(t, "4.5.6.7", v4.SrcAddr().String())

	var v6 packet.IPv6
	v6.SetHopLimit(1)
	v6.SetSrc(v6a.As16())
	v6.SetDst(v6b.As16())
	require.Equal(t, v6a, v6.SrcAddr())
	require.Equal(t, v6b, v6.DstAddr())
	require.Equal(t, uint8(1), v6.HopLimit())

	var tcp packet.TCP
	tcp.SetSrcPort(0x0102)
	tcp.SetDstPort(0x0304)
	tcp.SetSeq(0x05060708)
	tcp.SetAck(0x090a0b0c)
	tcp.SetChecksum(0x0d0e)
	require.Equal(t, packet.TCP{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16: 13, 14}, tcp)
	require.Equal(t, uint16(0x0d0e), tcp.Checksum())

	var udp packet.UDP
	udp.SetSrcPort(0x0102)
	udp.SetDstPort(0x0304)
	udp.SetChecksum(0x0506)
	require.Equal(t, packet.UDP{1, 2, 3, 4, 6: 5, 6}, udp)

	var icmp packet.ICMP
	icmp.SetChecksum(0x0102)
	icmp.SetID(0x0304)
	require.Equal(t, packet.ICMP{2: 1, 2, 3, 4}, icmp)
	require.Equal(t, uint32(0x03040000), icmp.Rest())

	var arp packet.ARP
	arp.SetOperation(0x0102)
	arp.SetSender(packet.MAC{1, 2, 3, 4, 5, 6}, 0x0708090a)
	arp.SetTarget(packet.MAC{11, 12, 13, 14, 15, 16}, 0x11121314)
	require.Equal(t, packet.ARP{6: 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
		11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, arp)
	require.Equal(t, uint32(0x11121314), arp.TargetIP())
	require.Equal(t, packet.MAC{1, 2, 3, 4, 5, 6}, arp.SenderMAC())
}

func TestTCPOptions(t *testing.T) {
	for _, c := range []struct {
		name      string
		options   []byte
		kinds     []uint8
		malformed bool
	}{
		{"none", nil, nil, false},
		{"usual", []byte{2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 0, 9}, []uint8{2, 3, 4}, false},
		{"fillers", []byte{1, 1, 1, 1}, nil, false},
		{"no length", []byte{4, 2, 1, 8}, []uint8{4}, true},
		{"length 0", []byte{4, 2, 8, 0}, []uint8{4}, true},
		{"length 1", []byte{8, 1, 0, 0}, nil, true},
		{"too long", []byte{8, 5, 0, 0}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p packet.Packet
			frame := pt.Build(eth, ip4, pt.TCP{Options: c.options}, data)
			require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
			var kinds []uint8
			o := p.TCPOptions()
			for o.Next() {
				kinds = append(kinds, o.Kind())
			}
			require.Equal(t, c.kinds, kinds)
			require.Equal(t, c.malformed, o.Malformed())
			require.False(t, o.Next())
		})
	}
	// The maximum segment size is clamped by writing to the option.
	var p packet.Packet
	frame := pt.Build(eth, ip4, tcp)
	require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
	o := p.TCPOptions()
	require.True(t, o.Next())
	require.EqualValues(t, packet.TCPOptionMSS, o.Kind())
	copy(o.Data(), []byte{1, 2})
	require.Equal(t, []byte{2, 4, 1, 2}, frame[54:58])
}

// TestRacingGuest changes every byte of a frame after it was parsed: values
// change, but nothing reaches outside, since no length is read again.
func TestRacingGuest(t *testing.T) {
	for _, c := range cases() {
		for _, v := range []byte{0, 0x04, 0x45, 0xff} {
			frame := append([]byte{}, c.frame...)
			var p packet.Packet
			if packet.Parse(frame, &p) != packet.Accepted {
				continue
			}
			n := len(p.Payload())
			for at := range min(len(frame), 200) {
				frame[at] = v
				read(&p)
				require.Len(t, p.Payload(), n)
			}
		}
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range packet.Reasons {
		s := packet.Reason(r).String()
		require.NotEmpty(t, s)
		require.False(t, seen[s], s)
		seen[s] = true
	}
	require.Equal(t, "unknown reason", packet.Reason(255).String())
}
