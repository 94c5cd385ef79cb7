// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pt "arcbox.dev/datapath/packet/packettest"
)

// TestShardsAtOnce: each shard in a goroutine of its own, with forwards that
// change, fragments that others hold and release, zones that go, and limits that
// are reached. In the end nothing is left.
func TestShardsAtOnce(t *testing.T) {
	n := newNAT(t, func(c *Config) {
		c.Shards, c.MaxSessions, c.MaxSessionsPerZone = 4, 200, 120
		c.HeldFragments = 32
	})
	var wg sync.WaitGroup
	rounds := 300
	for i := range n.Shards() {
		wg.Go(func() { useShard(t, n, i, rounds) })
	}
	wg.Go(func() {
		for i := range rounds {
			w := Forward{Protocol: udp, Outside: at(out4, uint16(7000+i%3)), Zone: 1, Inside: guest}
			if err := n.SetForwards([]Forward{w}); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	for i := range n.Shards() {
		for n.Shard(i).Advance(1000 * time.Hour) {
		}
		slots(n.Shard(i))
	}
	requireEmpty(t, n)
	for _, z := range n.fragments.zones {
		require.Equal(t, zoneFragments{}, z)
	}
}

// useShard is a shard's goroutine.
func useShard(t *testing.T, n *NAT, i, rounds int) {
	s := n.Shard(i)
	rnd := rand.New(rand.NewPCG(uint64(i), 8))
	held := map[uint32]bool{}
	var released [4]Release
	for round := range rounds {
		batch := make([]Packet, 20)
		for j := range batch {
			zone := uint16(rnd.IntN(3))
			src := at(guest.Addr(), uint16(2000+rnd.IntN(500)))
			dst := at(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + rnd.IntN(9))}), 443)
			frame := udpPacket(src, dst)
			if rnd.IntN(4) == 0 {
				frame = fragmentsOf(guest, remote, uint16(rnd.IntN(20)))[rnd.IntN(3)]
			}
			batch[j] = Packet{Frame: frame, Zone: zone, Bare: true}
		}
		s.Outbound(batch)
		for _, p := range batch {
			switch p.Verdict {
			case Send:
				if err := pt.VerifyIP(p.Frame); err != nil {
					t.Error(err)
				}
			case Hold:
				if held[p.Slot] {
					t.Errorf("slot %d is held twice", p.Slot)
				}
				held[p.Slot] = true
			}
		}
		s.Advance(time.Duration(round) * 10 * time.Second)
		if round%50 == 49 {
			s.RemoveZone(uint16(rnd.IntN(3)))
		}
		for _, r := range released[:s.Released(released[:])] {
			if !held[r.Slot] {
				t.Errorf("slot %d was not held", r.Slot)
			}
			delete(held, r.Slot)
		}
	}
}

// TestTagged: frames with VLAN tags take the general path, to the same end.
func TestTagged(t *testing.T) {
	s := newShardOf(t, nil)
	for range 3 {
		frame := pt.Build(pt.Ethernet{VLANs: []uint16{5}}, ip(guest, remote), pt.UDP{Src: 5000, Dst: 443}, pt.Payload("x"))
		b := []Packet{{Frame: pt.Pad(frame, 60), Zone: 1}}
		s.Outbound(b)
		require.Equal(t, Send, b[0].Verdict)
		require.NoError(t, pt.VerifyIP(b[0].Frame[18:]))
	}
	require.Zero(t, s.Stats().FastHits)
}
