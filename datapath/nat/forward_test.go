// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForwards: static DNAT, its answers, and what is refused.
func TestForwards(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.Shards = 4 })
	web, dns := at(out4, 8080), at(out6, 53)
	webInside, dnsInside := at(guest.Addr(), 80), at(guest6.Addr(), 5353)
	require.NoError(t, n.SetForwards([]Forward{
		{Protocol: tcp, Outside: web, Zone: 7, Inside: webInside},
		{Protocol: udp, Outside: dns, Zone: 8, Inside: dnsInside},
	}))
	for _, c := range []struct {
		zone                    uint16
		outside, inside, remote netip.AddrPort
		first, answer           func(src, dst netip.AddrPort) []byte
	}{
		{7, web, webInside, remote, firstSyn, firstSynAck},
		{8, dns, dnsInside, remote6, udpPacket, udpPacket},
	} {
		frame := c.first(c.remote, c.outside)
		shard := n.ShardOf(Inward, &Packet{Frame: frame, Bare: true})
		s := n.Shard(shard)
		src, dst := delivered(t, inward(s, frame), c.zone)
		require.Equal(t, c.remote, src)
		require.Equal(t, c.inside, dst)
		answer := c.answer(c.inside, c.remote)
		require.Equal(t, shard, n.ShardOf(Outward, &Packet{Frame: answer, Bare: true}))
		src, dst = sent(t, outward(s, c.zone, answer))
		require.Equal(t, c.outside, src)
		require.Equal(t, c.remote, dst)
		// Another guest with the same address has no part in it.
		src, _ = sent(t, outward(s, c.zone+1, c.first(c.inside, c.remote)))
		require.NotEqual(t, c.outside, src)
	}
	// The forward's guest itself goes out by the forward's port.
	s := n.Shard(n.shardOfPort(dnsInside.Port()))
	src, _ := sent(t, outward(s, 8, udpPacket(dnsInside, ap("[2001:db8:9::9]:99"))))
	require.Equal(t, dns, src)

	bad := func(edit func(*Forward)) {
		w := Forward{Protocol: tcp, Outside: web, Zone: 7, Inside: webInside}
		edit(&w)
		require.Error(t, n.SetForwards([]Forward{w}))
	}
	bad(func(w *Forward) { w.Protocol = 1 })
	bad(func(w *Forward) { w.Outside = remote })
	bad(func(w *Forward) { w.Zone = zoneOutside })
	bad(func(w *Forward) { w.Inside = guest6 })
	bad(func(w *Forward) { w.Inside = at(guest.Addr(), 0) })
	w := Forward{Protocol: tcp, Outside: web, Zone: 7, Inside: webInside}
	require.ErrorContains(t, n.SetForwards([]Forward{w, w}), "twice")
}

// TestForwardKeepsItsPort: no mapping takes it, neither alone nor shared.
func TestForwardKeepsItsPort(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.PortMin, c.PortMax = 5000, 5002 })
	require.NoError(t, n.SetForwards([]Forward{
		{Protocol: udp, Outside: at(out4, 5000), Zone: 9, Inside: at(guest.Addr(), 53)},
	}))
	s := n.Shard(0)
	for zone := range uint16(2) {
		src, _ := sent(t, outward(s, zone, udpPacket(guest, remote)))
		require.NotEqual(t, uint16(5000), src.Port())
	}
	dropped(t, outward(s, 2, udpPacket(guest, remote)), NoPort)
	src, _ := sent(t, outward(s, 2, tcpPacket(guest, remote, syn)))
	require.Equal(t, uint16(5000), src.Port())
	dropped(t, inward(s, tcpPacket(remote, at(out4, 5001), syn)), Unsolicited)

	// A session that the inside could not tell from one it has.
	require.NoError(t, n.SetForwards([]Forward{
		{Protocol: udp, Outside: at(out4, 5000), Zone: 0, Inside: guest},
	}))
	dropped(t, inward(s, udpPacket(remote, at(out4, 5000))), Clash)
	delivered(t, inward(s, udpPacket(ap("192.0.2.44:4"), at(out4, 5000))), 0)
}
