// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

func keyOf(t require.TestingT, frame []byte) packet.Key {
	var p packet.Packet
	var k packet.Key
	require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
	require.True(t, p.Key(3, &k))
	return k
}

func TestKey(t *testing.T) {
	at := netip.AddrPortFrom
	for _, c := range []struct {
		name  string
		frame []byte
		want  packet.Key
	}{
		{"tcp4", pt.Build(eth, ip4, tcp), packet.MakeKey(6, at(v4a, 40000), at(v4b, 443), 3)},
		{"udp6", pt.Build(eth, ip6, udp), packet.MakeKey(17, at(v6a, 40001), at(v6b, 53), 3)},
		{"echo", pt.Build(eth, ip4, pt.ICMP{Type: 8, ID: 77}), packet.MakeKey(1, at(v4a, 77), at(v4b, 8), 3)},
		{"echo reply", pt.Build(eth, ip4, pt.ICMP{ID: 77}), packet.MakeKey(1, at(v4a, 8), at(v4b, 77), 3)},
		{"timestamp reply", pt.Build(eth, ip4, pt.ICMP{Type: 14, ID: 7}), packet.MakeKey(1, at(v4a, 13), at(v4b, 7), 3)},
		{"echo reply v6", pt.Build(eth, ip6, pt.ICMPv6{Type: 129, ID: 77}), packet.MakeKey(58, at(v6a, 128), at(v6b, 77), 3)},
		{"gre", pt.Build(eth, pt.IPv4{Src: v4a, Dst: v4b, Protocol: 47}, data), packet.MakeKey(47, at(v4a, 0), at(v4b, 0), 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := keyOf(t, c.frame)
			require.Equal(t, c.want, k)
			require.Equal(t, c.want.SrcAddr(), k.SrcAddr())
			require.Equal(t, k, k.Reverse().Reverse())
			require.NotEqual(t, k, k.Reverse())
		})
	}
	k := keyOf(t, pt.Build(eth, ip4, tcp))
	require.Equal(t, "protocol 6 zone 3 10.0.2.15:40000 -> 192.0.2.1:443", k.String())
	require.EqualValues(t, 3, k.Zone())
	require.False(t, k.IsIPv6())
	require.EqualValues(t, 40, reflect.TypeFor[packet.Key]().Size())
}

func TestNoKey(t *testing.T) {
	for name, frame := range map[string][]byte{
		"arp":            pt.Build(eth, pt.ARP{SenderIP: v4a, TargetIP: v4b}),
		"later fragment": fragment4(24, false, 17, data),
		"later ICMP":     fragment4(24, false, 1, data),
		"later v6":       fragment6(24, false, data),
		"icmp error":     pt.Build(eth, ip4, pt.ICMP{Type: 3}),
		"neighbour":      pt.Build(eth, ip6, pt.ICMPv6{Type: 135}),
	} {
		var p packet.Packet
		require.Equal(t, packet.Accepted, packet.Parse(frame, &p), name)
		k := keyOf(t, pt.Build(eth, ip4, tcp))
		require.False(t, p.Key(3, &k), name)
		require.Zero(t, k, name)
		k = keyOf(t, pt.Build(eth, ip4, tcp))
		require.False(t, p.ReverseKey(3, &k), name)
		require.Zero(t, k, name)
	}
	require.Zero(t, packet.MakeKey(6, netip.AddrPortFrom(v4a, 1), netip.AddrPortFrom(v6a, 1), 3))
	require.Zero(t, packet.MakeKey(6, netip.AddrPort{}, netip.AddrPort{}, 3))
	require.Equal(t, netip.Addr{}, packet.Key{}.SrcAddr())
}

func TestFragmentKey(t *testing.T) {
	first := pt.Payload(pt.Build(udp, make(pt.Payload, 16)))
	key := func(frame []byte) (k packet.Key) {
		var p packet.Packet
		require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
		require.True(t, p.FragmentKey(3, &k))
		return k
	}
	require.Equal(t, key(fragment4(0, true, 17, first)), key(fragment4(24, false, 17, data)))
	require.NotEqual(t, key(fragment4(0, true, 17, first)), key(fragment4(24, false, 1, data)))
	require.Equal(t, key(fragment6(0, true, first)), key(fragment6(24, false, data)))
	require.NotEqual(t, key(fragment4(0, true, 17, first)), keyOf(t, fragment4(0, true, 17, first)))
	require.Equal(t, v6a, key(fragment6(0, true, first)).SrcAddr())

	var p packet.Packet
	var k packet.Key
	packet.Parse(pt.Build(eth, ip6, pt.Fragment{}, udp), &p)
	require.False(t, p.FragmentKey(3, &k), "an atomic fragment is whole")
}

// TestReplyKey: what comes back has the reverse of the key of what went out,
// and keys are equal exactly if their parts are.
func TestReplyKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		port := rapid.Uint16Range(0, 2)
		host := rapid.SampledFrom([]netip.Addr{v4a, v4b})
		a, b, c, d := host.Draw(t, "a"), host.Draw(t, "b"), host.Draw(t, "c"), host.Draw(t, "d")
		w, x, y, z := port.Draw(t, "w"), port.Draw(t, "x"), port.Draw(t, "y"), port.Draw(t, "z")
		one := keyOf(t, pt.Build(eth, pt.IPv4{Src: a, Dst: b}, pt.UDP{Src: w, Dst: x}))
		two := keyOf(t, pt.Build(eth, pt.IPv4{Src: c, Dst: d}, pt.UDP{Src: y, Dst: z}))
		same := a == c && b == d && w == y && x == z
		reply := a == d && b == c && w == z && x == y
		require.Equal(t, same, one == two)
		require.Equal(t, reply, one == two.Reverse())
		if seed := packet.NewSeed(); same {
			require.Equal(t, one.Hash(&seed), two.Hash(&seed))
		}
	})
}

// TestHashSpreads: keys that differ little spread over all bits of the hash, as
// evenly as chance would have it, with a random seed and with none.
func TestHashSpreads(t *testing.T) {
	for _, seed := range []packet.Seed{{}, packet.NewSeed()} {
		for _, v6 := range []bool{false, true} {
			const keys, buckets = 1 << 16, 256
			var low, high [buckets]int
			seen := map[uint64]bool{}
			for i := range keys {
				src, dst := netip.AddrFrom4([4]byte{10, 0, 0, byte(i >> 12)}), v4b
				if v6 {
					src, dst = netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(i >> 12)}), v6b
				}
				k := packet.MakeKey(6, netip.AddrPortFrom(src, uint16(i)&0xfff), netip.AddrPortFrom(dst, 443), 0)
				h := k.Hash(&seed)
				seen[h] = true
				low[h%buckets]++
				high[h>>56]++
			}
			require.Len(t, seen, keys)
			for i := range buckets {
				// 256 expected, standard deviation 16: nine of them.
				require.InDelta(t, keys/buckets, low[i], 144)
				require.InDelta(t, keys/buckets, high[i], 144)
			}
		}
	}
	a, b := packet.NewSeed(), packet.NewSeed()
	k := keyOf(t, pt.Build(eth, ip4, tcp))
	require.NotEqual(t, k.Hash(&a), k.Hash(&b))
}

// TestKeyEqual changes each part of a key by itself.
func TestKeyEqual(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.0.2.15:40000"), netip.MustParseAddrPort("192.0.2.1:443")
	a6, b6 := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8::2]:443")
	high := netip.MustParseAddrPort("[2001:db9::1]:40000")
	keys := []packet.Key{
		{}, packet.MakeKey(6, a, b, 3), packet.MakeKey(17, a, b, 3), packet.MakeKey(6, a, b, 4), packet.MakeKey(6, b, a, 3),
		packet.MakeKey(6, netip.AddrPortFrom(a.Addr(), 40001), b, 3), packet.MakeKey(6, a, netip.AddrPortFrom(b.Addr(), 444), 3),
		packet.MakeKey(6, a, netip.AddrPortFrom(a.Addr(), 443), 3), packet.MakeKey(6, netip.AddrPortFrom(b.Addr(), 40000), b, 3),
		packet.MakeKey(6, a6, b6, 3), packet.MakeKey(6, high, b6, 3), packet.MakeKey(6, a6, high, 3), packet.MakeKey(6, a6, a6, 3),
	}
	for i := range keys {
		for j := range keys {
			require.Equal(t, keys[i] == keys[j], keys[i].Equal(&keys[j]), "%v and %v", keys[i], keys[j])
			require.Equal(t, i == j, keys[i] == keys[j])
		}
	}
}

func TestKeySetIPv4(t *testing.T) {
	k := packet.MakeKey(17, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), 9)
	k.SetIPv4(6, 0x0a00020f, 0xc0000201, 40000, 443, 3)
	require.Equal(t, packet.MakeKey(6, netip.MustParseAddrPort("10.0.2.15:40000"), netip.MustParseAddrPort("192.0.2.1:443"), 3), k)
}
