// SPDX-License-Identifier: MIT OR Apache-2.0

package packettest

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	v4a, v4b = netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("192.168.0.199")
	v6a, v6b = netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
)

// TestKnownBytes holds the builder to the example of RFC 1071 §3 and to an IPv4
// header whose checksum was worked out by hand.
func TestKnownBytes(t *testing.T) {
	require.Equal(t, ^uint16(0xddf2), Sum([]byte{0x00, 0x01, 0xf2, 0x03}, []byte{0xf4, 0xf5, 0xf6, 0xf7}))
	require.Equal(t, ^uint16(0x0100), Sum([]byte{1}))
	b := Build(IPv4{Src: v4a, Dst: v4b, DF: true, Protocol: 17}, make(Payload, 95))
	require.Equal(t, "45000073000040004011b861c0a80001c0a800c7", hex.EncodeToString(b[:20]))
}

// TestVerifyIP: a packet as built is right, and with any one byte that a
// checksum covers changed it is wrong.
func TestVerifyIP(t *testing.T) {
	ip4, ip6 := IPv4{Src: v4a, Dst: v4b}, IPv6{Src: v6a, Dst: v6b}
	for name, c := range map[string]struct {
		b    []byte
		from int // first byte of the transport header
	}{
		"tcp4":  {Build(ip4, TCP{Src: 1, Dst: 2}, Payload("odd")), 20},
		"udp4":  {Build(ip4, UDP{Src: 1, Dst: 2}, Payload("even")), 20},
		"icmp4": {Build(ip4, ICMP{Type: 8}, Payload("odd")), 20},
		"tcp6":  {Build(ip6, Extension{Type: 60}, TCP{Src: 1, Dst: 2}), 48},
		"udp6":  {Build(ip6, UDP{Src: 1, Dst: 2}, Payload("odd")), 40},
		"icmp6": {Build(ip6, ICMPv6{Type: 128}, Payload("odd")), 40},
	} {
		require.NoError(t, VerifyIP(c.b), name)
		for at := c.from; at < len(c.b); at++ {
			c.b[at] ^= 0x10
			require.Error(t, VerifyIP(c.b), "%s byte %d", name, at)
			c.b[at] ^= 0x10
		}
		c.b[c.from-1] ^= 1 // an address, or padding, which no checksum covers
		if name != "tcp6" {
			require.Error(t, VerifyIP(c.b), name)
		}
		require.ErrorIs(t, VerifyIP(c.b[:len(c.b)-1]), ErrMalformed)
	}
	require.NoError(t, VerifyIP(Build(ip4, UDP{NoChecksum: true})))
	require.Error(t, VerifyIP(Build(ip6, UDP{NoChecksum: true})))
	require.ErrorIs(t, VerifyIP(nil), ErrMalformed)
}
