// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pt "arcbox.dev/datapath/packet/packettest"
)

// fragmentsOf cuts the UDP packet between two ends, with 100 bytes of data, into
// three.
func fragmentsOf(src, dst netip.AddrPort, id uint16) [3][]byte {
	const a, b = 40, 80 // where it is cut
	data := make(pt.Payload, 100)
	for i := range data {
		data[i] = byte(i)
	}
	var out [3][]byte
	whole := pt.Build(ip(src, dst), pt.UDP{Src: src.Port(), Dst: dst.Port()}, data)
	header := len(whole) - 108
	for i, cut := range [][2]int{{0, a}, {a, b}, {b, 108}} {
		part := pt.Payload(whole[header+cut[0] : header+cut[1]])
		if src.Addr().Is4() {
			out[i] = pt.Build(pt.IPv4{Src: src.Addr(), Dst: dst.Addr(), ID: id, Protocol: udp, Offset: cut[0], More: i < 2}, part)
		} else {
			out[i] = pt.Build(pt.IPv6{Src: src.Addr(), Dst: dst.Addr()},
				pt.Fragment{ID: uint32(id), Offset: cut[0], More: i < 2, Next: udp}, part)
		}
	}
	return out
}

// slots collects what a shard releases.
func slots(s *Shard) (resume, drop []uint32) {
	var r [3]Release
	for n := s.Released(r[:]); n > 0; n = s.Released(r[:]) {
		for _, r := range r[:n] {
			if r.Resume {
				resume = append(resume, r.Slot)
			} else {
				drop = append(drop, r.Slot)
			}
		}
	}
	return resume, drop
}

var fragmentEnds = []struct{ inner, remote, outer netip.AddrPort }{
	{guest, remote, at(out4, 5000)},
	{guest6, remote6, at(out6, 5000)},
}

// TestFragments: RFC 4787 REQ-14: in any order, both ways, they become the
// fragments of the translated packet.
func TestFragments(t *testing.T) {
	for _, c := range fragmentEnds {
		for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			s := newShardOf(t, nil)
			sent(t, outward(s, 1, udpPacket(c.inner, c.remote)))
			for _, d := range []Direction{Outward, Inward} {
				given, want := fragmentsOf(c.inner, c.remote, 77), fragmentsOf(c.outer, c.remote, 77)
				if d == Inward {
					given, want = fragmentsOf(c.remote, c.outer, 78), fragmentsOf(c.remote, c.inner, 78)
				}
				parked := map[uint32][]byte{}
				pass := func(frame []byte) Packet {
					if d == Outward {
						return outward(s, 1, frame)
					}
					return inward(s, frame)
				}
				done := func(p Packet) {
					require.Contains(t, []Verdict{Send, Deliver}, p.Verdict, p.Reason.String())
					require.Equal(t, uint16(1), p.Zone)
				}
				for _, i := range order {
					p := pass(given[i])
					if p.Verdict == Hold {
						require.Equal(t, FirstMissing, p.Reason)
						require.NotContains(t, parked, p.Slot)
						parked[p.Slot] = given[i]
						continue
					}
					done(p)
					resume, drop := slots(s)
					require.Empty(t, drop)
					for _, slot := range resume {
						done(pass(parked[slot]))
						delete(parked, slot)
					}
				}
				require.Empty(t, parked)
				require.Equal(t, want, given)
			}
			require.Zero(t, s.nat.fragments.oldest, "complete, but not forgotten")
		}
	}
}

// TestFragmentLimits: a zone can hold and begin so many, and time frees them.
func TestFragmentLimits(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.Shards = 2; c.MaxFragments, c.HeldFragments = 64, 48 })
	a, b := n.Shard(0), n.Shard(1)
	a.Advance(time.Hour)
	b.Advance(time.Hour)
	for id := range uint16(3) { // a sixteenth of 48
		require.Equal(t, Hold, outward(a, 1, fragmentsOf(guest, remote, id)[1]).Verdict)
	}
	dropped(t, outward(a, 1, fragmentsOf(guest, remote, 9)[1]), FragmentLimit)
	require.Equal(t, Hold, outward(a, 2, fragmentsOf(guest, remote, 9)[1]).Verdict)
	require.Equal(t, Hold, inward(b, fragmentsOf(remote, at(out4, 9), 9)[1]).Verdict)
	require.Equal(t, FirstMissing, outward(b, 3, fragmentsOf(guest, remote, 9)[1]).Reason)

	// The first comes to another shard than the rest.
	outer, _ := sent(t, outward(b, 1, udpPacket(guest, remote)))
	require.Equal(t, Send, outward(b, 1, fragmentsOf(guest, remote, 0)[0]).Verdict)
	resume, drop := slots(a)
	require.Len(t, resume, 1)
	require.Empty(t, drop)
	require.Equal(t, Send, outward(a, 1, fragmentsOf(guest, remote, 0)[1]).Verdict)

	// A zone that goes takes its fragments with it.
	a.RemoveZone(2)
	resume, drop = slots(a)
	require.Empty(t, resume)
	require.Len(t, drop, 1)

	a.Advance(time.Hour + 30*time.Second)
	_, drop = slots(a)
	require.Empty(t, drop)
	a.Advance(time.Hour + 32*time.Second)
	_, drop = slots(a)
	require.Len(t, drop, 2)
	_, drop = slots(b)
	require.Len(t, drop, 2)
	require.Zero(t, n.fragments.oldest)

	// Firsts without the rest.
	for id := range uint16(5) {
		require.Equal(t, Send, outward(b, 1, fragmentsOf(guest, remote, id)[0]).Verdict)
	}
	require.Equal(t, uint64(1), b.Stats().Reasons[FragmentLimit])
	dropped(t, outward(b, 1, fragmentsOf(guest, remote, 4)[1]), FragmentLimit)
	require.Equal(t, Send, outward(b, 1, fragmentsOf(guest, remote, 3)[1]).Verdict)
	// What a removed zone was sent comes no longer.
	require.Equal(t, Deliver, inward(b, fragmentsOf(remote, outer, 6)[0]).Verdict)
	b.RemoveZone(1)
	require.Equal(t, FirstMissing.String(), inward(b, fragmentsOf(remote, outer, 6)[1]).Reason.String())
}

// TestFragmentOwners: what comes in for one guest is on its account, and takes
// nothing from the others.
func TestFragmentOwners(t *testing.T) {
	s := newShardOf(t, func(c *Config) { c.MaxFragments = 64 })
	one, _ := sent(t, outward(s, 1, udpPacket(guest, remote)))
	two, _ := sent(t, outward(s, 2, udpPacket(guest, remote)))
	held := inward(s, fragmentsOf(remote, one, 0)[1])
	require.Equal(t, Hold, held.Verdict)
	for id := range uint16(9) {
		require.Equal(t, Deliver, inward(s, fragmentsOf(remote, one, id)[0]).Verdict)
	}
	require.Equal(t, uint64(5), s.Stats().Reasons[FragmentLimit])
	resume, _ := slots(s)
	require.Equal(t, []uint32{held.Slot}, resume)
	// A waiting one whose guest has too many is let go.
	require.Equal(t, Hold, inward(s, fragmentsOf(remote, one, 20)[1]).Verdict)
	require.Equal(t, Deliver, inward(s, fragmentsOf(remote, one, 20)[0]).Verdict)
	_, drop := slots(s)
	require.Len(t, drop, 1)
	for _, f := range fragmentsOf(remote, two, 30) {
		require.Equal(t, Deliver, inward(s, f).Verdict)
	}
	s.RemoveZone(1)
	s.RemoveZone(2)
	requireEmpty(t, s.nat)
	for _, z := range s.nat.fragments.zones {
		require.Equal(t, zoneFragments{}, z)
	}
}

// TestFragmentHairpin: fragments between guests, and those that have to wait for
// the first one on their way back in.
func TestFragmentHairpin(t *testing.T) {
	n := newNAT(t, func(c *Config) { c.Shards = 64 })
	server, inside := at(out4, 8080), at(guest.Addr(), 8000)
	require.NoError(t, n.SetForwards([]Forward{{Protocol: udp, Outside: server, Zone: 2, Inside: inside}}))
	frames := fragmentsOf(guest, server, 5)
	first := []Packet{{Frame: frames[0], Zone: 1, Bare: true}}
	s := n.Shard(n.ShardOf(Outward, &first[0]))
	s.Outbound(first)
	require.Equal(t, Handoff, first[0].Verdict, first[0].Reason.String())
	later := []Packet{{Frame: frames[1], Zone: 1, Bare: true}}
	s.Outbound(later)
	require.Equal(t, Hold, later[0].Verdict)
	require.True(t, later[0].Hairpin)
	n.Shard(int(first[0].Shard)).Inbound(first)
	require.Equal(t, Deliver, first[0].Verdict, first[0].Reason.String())
	resume, _ := slots(s)
	require.Equal(t, []uint32{later[0].Slot}, resume)
	s.Inbound(later)
	last := outward(s, 1, frames[2])
	for _, p := range []Packet{later[0], last} {
		require.Equal(t, Deliver, p.Verdict, p.Reason.String())
		require.Equal(t, uint16(2), p.Zone)
	}
	require.Equal(t, fragmentsOf(at(out4, 5000), inside, 5), frames)
}

// TestPartialFragment: no device completes a checksum over fragments.
func TestPartialFragment(t *testing.T) {
	s := newShardOf(t, nil)
	for _, f := range fragmentsOf(guest, remote, 1) {
		b := []Packet{{Frame: f, Zone: 1, Bare: true, Checksum: Partial}}
		s.Outbound(b)
		dropped(t, b[0], PartialChecksum)
	}
}
