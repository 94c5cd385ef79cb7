// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
)

// TestMappingsOfOneEndpoint: where its port's tuples are taken, one after another,
// an endpoint gets further mappings, and not without end.
func TestMappingsOfOneEndpoint(t *testing.T) {
	s := newShardOf(t, nil)
	var outer []netip.AddrPort
	for i := range byte(maxMappings) {
		to := at(netip.AddrFrom4([4]byte{198, 51, 100, i + 1}), 443)
		for _, a := range outer {
			occupy(s, a, to)
		}
		src, _ := sent(t, outward(s, 1, udpPacket(guest, to)))
		require.NotContains(t, outer, src)
		outer = append(outer, src)
	}
	last := ap("192.0.2.50:443")
	for _, a := range outer {
		occupy(s, a, last)
	}
	dropped(t, outward(s, 1, udpPacket(guest, last)), NoPort)
	require.Equal(t, maxMappings, s.Stats().Mappings)
}

// occupy makes a session of another zone with the given ends on the outside.
func occupy(s *Shard, outer, far netip.AddrPort) {
	inner := ap("10.0.0.9:9")
	s.nat.limits.admit(9)
	s.create(packet.MakeKey(udp, inner, far, 9), packet.MakeKey(udp, far, outer, zoneOutside), noIndex, Outward)
}

// TestEqualTags: what the table offers under a packet's hash is only a candidate.
func TestEqualTags(t *testing.T) {
	s := newShardOf(t, nil)
	other := at(guest.Addr(), 5001)
	sent(t, outward(s, 1, udpPacket(guest, remote)))
	for _, key := range []packet.Key{
		packet.MakeKey(udp, other, remote, 1),
		packet.MakeKey(udp, remote, at(out4, 5001), zoneOutside),
	} {
		hash := key.Hash(&s.nat.seed)
		for d := range Inward + 1 {
			s.table.Insert(hash, flowRef(0, d))
		}
		s.table.Insert(hash, mappingRef)
	}
	inside := endpoint(udp, other, 1)
	s.table.Insert(inside.Hash(&s.nat.seed), mappingRef)
	dropped(t, inward(s, udpPacket(remote, at(out4, 5001))), Unsolicited)
	src, _ := sent(t, outward(s, 1, udpPacket(other, ap("192.0.2.50:443"))))
	require.Equal(t, at(out4, 5001), src)
	for range 3 {
		src, _ := sent(t, outward(s, 1, udpPacket(other, remote)))
		require.Equal(t, at(out4, 5001), src)
		_, dst := delivered(t, inward(s, udpPacket(remote, at(out4, 5001))), 1)
		require.Equal(t, other, dst)
	}
}
