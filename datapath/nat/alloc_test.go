// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNoAllocations: on hits of all paths, on new sessions (in memory that was
// used before), and on drops.
func TestNoAllocations(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.PortMin, c.PortMax = 5000, 5003 })
	s := n.Shard(0)
	require.NoError(t, n.SetForwards([]Forward{
		{Protocol: tcp, Outside: at(out4, 80), Zone: 7, Inside: at(guest.Addr(), 80)},
	}))
	other := at(remote.Addr().Next(), 443)
	outer := at(out4, 5000)
	type step struct {
		d     Direction
		zone  uint16
		frame []byte
	}
	steps := []step{
		{Outward, 1, udpPacket(guest, remote)}, // makes a session
		{Outward, 1, udpPacket(guest, remote)}, // and an entry in the fast path
		{Outward, 1, udpPacket(guest, remote)},
		{Outward, 1, udpPacket(guest, other)},
		{Inward, 0, udpPacket(remote, outer)},
		{Outward, 1, udpPacket(guest6, remote6)},
		{Outward, 1, tcpPacket(guest, remote, syn)},
		{Inward, 0, tcpPacket(remote, outer, synAck)},
		{Outward, 1, tcpPacket(guest, remote, ack)},
		{Outward, 1, tcpPacket(guest, remote, fin)},
		{Inward, 0, tcpPacket(remote, at(out4, 80), syn)},
		{Outward, 1, tcpPacket(guest, at(out4, 80), syn)}, // hairpin
		{Outward, 1, echo(guest, remote, false)},
		{Inward, 0, icmpErrorAbout(udpPacket(outer, remote), remote.Addr(), out4)},
		{Outward, 1, fragmentsOf(guest, remote, 1)[1]}, // held
		{Outward, 1, fragmentsOf(guest, remote, 1)[0]},
		{Outward, 1, fragmentsOf(guest, remote, 1)[2]},
		{Inward, 0, udpPacket(other, at(out4, 9))},
		{Outward, 1, tcpPacket(guest, other, ack)},
		{Outward, 1, nil},
	}
	for zone := range uint16(6) { // shared ports, and then none
		steps = append(steps, step{Outward, 10 + zone, udpPacket(guest, remote)})
		steps = append(steps, step{Outward, 10 + zone, udpPacket(guest, other)})
	}
	var buffer [256]byte
	b := make([]Packet, 1)
	var now time.Duration
	var released [4]Release
	round := func() {
		for _, p := range steps {
			b[0] = Packet{Frame: buffer[:copy(buffer[:], p.frame)], Zone: p.zone, Bare: true}
			n.ShardOf(p.d, &b[0])
			if p.d == Outward {
				s.Outbound(b)
			} else {
				s.Inbound(b)
			}
		}
		s.Released(released[:])
		now += 3 * time.Hour
		s.Advance(now)
		s.RemoveZone(1)
	}
	require.Zero(t, testing.AllocsPerRun(50, round))
	st := s.Stats()
	for _, v := range []uint64{st.Sent, st.Delivered, st.Held, st.Dropped, st.Expired, st.FastHits} {
		require.NotZero(t, v)
	}
	require.NotZero(t, st.Reasons[NoPort])
	require.Equal(t, netip.AddrPortFrom(out4, 5000), outer)
}
