// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// hostileSeeds are packets of sessions that fuzzShard has, whole and maimed.
func hostileSeeds() [][]byte {
	outer, outer6 := at(out4, guest.Port()), at(out6, guest6.Port())
	seeds := [][]byte{
		nil, {0x45}, {0x60}, make([]byte, 40),
		udpPacket(guest, remote), udpPacket(remote, outer), udpPacket(guest6, remote6), udpPacket(remote6, outer6),
		tcpPacket(guest, remote, ack), tcpPacket(guest, remote, syn), tcpPacket(guest, remote, rst), tcpPacket(remote, outer, fin),
		echo(guest, at(remote.Addr(), 8), false), echo(at(remote.Addr(), 8), outer, true),
		tcpPacket(remote, at(out4, 80), syn), udpPacket(guest, at(out4, 53)),
		icmpErrorAbout(udpPacket(outer, remote), remote.Addr(), out4),
		icmpErrorAbout(udpPacket(outer6, remote6), remote6.Addr(), out6),
		icmpErrorAbout(udpPacket(remote, guest), guest.Addr(), remote.Addr()),
		icmpErrorAbout(tcpPacket(remote, guest, ack)[:28], guest.Addr(), remote.Addr()),
		pt.Build(pt.IPv4{Src: guest.Addr(), Dst: remote.Addr(), Options: []byte{7, 4, 4, 0}}, pt.UDP{Src: 5000, Dst: 443}),
		pt.Build(pt.IPv6{Src: guest6.Addr(), Dst: remote6.Addr()}, pt.Extension{Type: 60}, pt.UDP{Src: 5000, Dst: 443}),
		pt.Build(pt.IPv6{Src: guest6.Addr(), Dst: remote6.Addr()}, pt.Extension{Type: 43, Body: []byte{0, 1}}, pt.UDP{Src: 5000, Dst: 443}),
	}
	for _, f := range fragmentsOf(guest, remote, 3) {
		seeds = append(seeds, f)
	}
	for _, f := range fragmentsOf(remote6, outer6, 3) {
		seeds = append(seeds, f)
	}
	return seeds
}

// fuzzShard has a session of each kind in zone 1, and forwards to it.
func fuzzShard(t testing.TB) *Shard {
	s := newShardOf(t, nil)
	for _, c := range sessionCases {
		sent(t, outward(s, 1, c.first(c.inner, c.remote)))
	}
	sent(t, outward(s, 1, tcpPacket(guest, remote, syn)))
	require.NoError(t, s.nat.SetForwards([]Forward{
		{Protocol: tcp, Outside: at(out4, 80), Zone: 2, Inside: at(guest.Addr(), 80)},
		{Protocol: udp, Outside: at(out4, 53), Zone: 2, Inside: at(guest.Addr(), 53)},
	}))
	return s
}

// FuzzTranslate gives the same frame to both directions, twice, in all forms. What
// is dropped or held is not changed; what is translated keeps its length and its
// right checksums; and afterwards all can be forgotten.
func FuzzTranslate(f *testing.F) {
	for i, seed := range hostileSeeds() {
		f.Add(seed, uint8(i))
	}
	f.Fuzz(func(t *testing.T, frame []byte, form uint8) {
		s := fuzzShard(t)
		translateAll(t, s, frame, form, func(b []byte) []byte { return append([]byte(nil), b...) })
		for s.Advance(10 * 24 * time.Hour) {
		}
		requireEmpty(t, s.nat)
	})
}

// translateAll passes a frame, placed anew each time, through all methods.
func translateAll(t *testing.T, s *Shard, frame []byte, form uint8, place func([]byte) []byte) {
	link := 0
	if form&1 != 0 {
		link = packet.EthernetSize
	}
	whole := right(frame, link)
	for _, zone := range []uint16{1, 1, 2} {
		for _, d := range []Direction{Outward, Inward} {
			p := Packet{Frame: place(frame), Zone: zone, Bare: link == 0, Checksum: Checksum(form >> 1 % 3), Hairpin: form&8 != 0 && d == Inward}
			s.nat.ShardOf(d, &p)
			b := []Packet{p}
			if d == Outward {
				s.Outbound(b)
			} else {
				s.Inbound(b)
			}
			require.Len(t, b[0].Frame, len(frame))
			switch b[0].Verdict {
			case Send, Deliver:
				require.Equal(t, Translated, b[0].Reason)
				if p.Checksum == Full && whole {
					require.NoError(t, pt.VerifyIP(b[0].Frame[link:]))
				}
				if b[0].Verdict == Deliver {
					require.Contains(t, []uint16{1, 2}, b[0].Zone)
				}
			default:
				require.NotEqual(t, Translated, b[0].Reason)
				if !b[0].Hairpin && !s.nat.mayTurn(frame, link) && !bytes.Equal(b[0].Frame, frame) {
					t.Fatalf("changed, though %v", b[0].Reason)
				}
			}
		}
	}
}

// right reports whether an untagged packet's checksums are right.
func right(frame []byte, link int) bool {
	return len(frame) > link && (link == 0 || frame[12] == 8 || frame[12] == 0x86) && pt.VerifyIP(frame[link:]) == nil
}

// mayTurn reports whether a frame is for an address of ours, so that it may be
// translated outward and dropped inward.
func (n *NAT) mayTurn(frame []byte, link int) bool {
	var p packet.Packet
	if link == 0 {
		packet.ParseIP(frame, &p)
	} else {
		packet.Parse(frame, &p)
	}
	_, dst := addresses(&p)
	return n.ours(dst)
}
