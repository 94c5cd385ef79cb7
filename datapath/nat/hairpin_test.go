// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHairpin: RFC 4787 REQ-9, RFC 5382 REQ-8, with the external source (REQ-9a);
// through one shard and through two.
func TestHairpin(t *testing.T) {
	for _, shards := range []int{1, 64} {
		n := newNAT(t, func(c *Config) { c.Shards = shards })
		server := at(out4, 8080)
		inside := at(guest.Addr(), 8000)
		require.NoError(t, n.SetForwards([]Forward{{Protocol: tcp, Outside: server, Zone: 2, Inside: inside}}))
		handed := 0
		pass := func(zone uint16, frame []byte) Packet {
			b := []Packet{{Frame: frame, Zone: zone, Bare: true}}
			n.Shard(n.ShardOf(Outward, &b[0])).Outbound(b)
			if b[0].Verdict == Handoff {
				handed++
				require.True(t, b[0].Hairpin)
				require.Equal(t, int(b[0].Shard), n.ShardOf(Inward, &b[0]))
				n.Shard(int(b[0].Shard)).Inbound(b)
			} else {
				require.False(t, b[0].Hairpin)
			}
			return b[0]
		}
		for i := range uint16(8) {
			client := at(guest.Addr(), 5000+i)
			src, dst := delivered(t, pass(1, tcpPacket(client, server, syn)), 2)
			require.Equal(t, at(out4, client.Port()), src)
			require.Equal(t, inside, dst)
			outer := src
			src, dst = delivered(t, pass(2, tcpPacket(inside, outer, synAck)), 1)
			require.Equal(t, server, src)
			require.Equal(t, client, dst)
			for range 3 {
				delivered(t, pass(1, tcpPacket(client, server, ack)), 2)
				delivered(t, pass(2, tcpPacket(inside, outer, ack)), 1)
			}
			// An error about it finds its way back, too.
			p := pass(2, icmpErrorAbout(tcpPacket(outer, inside, ack), guest.Addr(), out4))
			require.Equal(t, Deliver, p.Verdict, p.Reason.String())
			require.Equal(t, uint16(1), p.Zone)
			// The same packet from the wire is forged.
			forged := tcpPacket(server, outer, ack)
			dropped(t, inward(n.Shard(n.ShardOf(Inward, &Packet{Frame: forged, Bare: true})), forged), Spoofed)
		}
		require.Equal(t, shards > 1, handed > 0)
		for i := range shards {
			n.Shard(i).RemoveZone(1)
			n.Shard(i).RemoveZone(2)
		}
		requireEmpty(t, n)
	}
}

// TestShards: both directions of a flow meet in one shard, whatever port it gets,
// and errors, too.
func TestShards(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.Shards = 8 })
	used := map[int]bool{}
	for _, c := range sessionCases {
		for i := range uint16(200) {
			inner := at(c.inner.Addr(), 1000+i/2*7)
			first := c.first(inner, c.remote)
			shard := n.ShardOf(Outward, &Packet{Frame: first, Bare: true})
			used[shard] = true
			outer, _ := sent(t, outward(n.Shard(shard), i, first))
			answer := c.answer(c.remote, outer)
			require.Equal(t, shard, n.ShardOf(Inward, &Packet{Frame: answer, Bare: true}))
			delivered(t, inward(n.Shard(shard), answer), i)
			report := icmpErrorAbout(c.first(outer, c.remote), c.remote.Addr(), outer.Addr())
			require.Equal(t, shard, n.ShardOf(Inward, &Packet{Frame: report, Bare: true}))
			delivered := inward(n.Shard(shard), report)
			require.Equal(t, Deliver, delivered.Verdict, delivered.Reason.String())
			report = icmpErrorAbout(c.answer(c.remote, inner), inner.Addr(), c.remote.Addr())
			require.Equal(t, shard, n.ShardOf(Outward, &Packet{Frame: report, Bare: true}))
			sentOn := outward(n.Shard(shard), i, report)
			require.Equal(t, Send, sentOn.Verdict, sentOn.Reason.String())
		}
	}
	require.Len(t, used, 8)
	require.Zero(t, n.ShardOf(Outward, &Packet{}))
}
