// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

func TestParseQuoted(t *testing.T) {
	inner4, inner6 := pt.Build(ip4, tcp, data), pt.Build(ip6, tcp, data)
	innerUDP := pt.Build(ip4, udp, data)
	back4, back6 := pt.IPv4{Src: v4b, Dst: v4a}, pt.IPv6{Src: v6b, Dst: v6a}
	error4 := func(quote []byte) []byte {
		return pt.Build(eth, back4, pt.ICMP{Type: 3, Code: 3}, pt.Payload(quote))
	}
	error6 := func(quote []byte) []byte {
		return pt.Build(eth, back6, pt.ICMPv6{Type: 1, Code: 4}, pt.Payload(quote))
	}
	nested := pt.Build(ip4, pt.ICMP{Type: 11}, pt.Payload(inner4))
	for _, c := range []struct {
		name      string
		frame     []byte
		want      packet.Reason
		truncated bool
		tcp       bool
	}{
		{"whole", error4(inner4), packet.Accepted, false, true},
		{"whole v6", error6(inner6), packet.Accepted, false, true},
		{"8 bytes of TCP", error4(inner4[:28]), packet.Accepted, true, false},
		{"7 bytes of TCP", error4(inner4[:27]), packet.ShortTransport, false, false},
		{"TCP without its options", error4(inner4[:40]), packet.Accepted, true, false},
		{"TCP with its options", error4(inner4[:48]), packet.Accepted, true, true},
		{"8 bytes of TCP v6", error6(inner6[:48]), packet.Accepted, true, false},
		{"header only", error4(inner4[:20]), packet.ShortTransport, false, false},
		{"header cut", error4(inner4[:19]), packet.ShortNetwork, false, false},
		{"nothing", error4(nil), packet.ShortNetwork, false, false},
		{"8 bytes of UDP", error4(innerUDP[:28]), packet.Accepted, true, false},
		{"wrong family", error4(inner6), packet.BadVersion, false, false},
		{"version 5", error4(poke(inner4, 0, 0x55)), packet.BadVersion, false, false},
		{"error about an error", error4(nested), packet.QuotedError, false, false},
		{"no error", pt.Build(eth, ip4, pt.ICMP{Type: 8}, pt.Payload(inner4)), packet.NoQuote, false, false},
		{"no ICMP", pt.Build(eth, ip4, tcp, pt.Payload(inner4)), packet.NoQuote, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p packet.Packet
			require.Equal(t, packet.Accepted, packet.Parse(c.frame, &p))
			q := stale()
			require.Equal(t, c.want.String(), p.ParseQuoted(&q).String())
			if c.want != packet.Accepted {
				require.Zero(t, q)
				return
			}
			require.NotZero(t, q.Flags()&packet.Quoted)
			require.Equal(t, c.truncated, q.Flags()&packet.Truncated != 0)
			require.Equal(t, c.tcp, q.TCP() != nil)
			require.Nil(t, q.Ethernet())

			// The error belongs to the direction opposite to what it quotes.
			var sent, k packet.Key
			require.True(t, q.Key(3, &sent))
			require.True(t, q.ReverseKey(3, &k))
			require.Equal(t, sent.Reverse(), k)
			require.NotZero(t, q.SrcPort())
		})
	}
}

// TestQuotedIsInPlace: what is set through the quote shows in the frame.
func TestQuotedIsInPlace(t *testing.T) {
	inner := pt.Payload(pt.Build(ip4, udp, data))
	frame := pt.Build(eth, ip4, pt.ICMP{Type: 3}, inner)
	var p, q packet.Packet
	require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
	require.Equal(t, packet.Accepted, p.ParseQuoted(&q))
	q.IPv4().SetSrc(0x01020304)
	q.SetSrcPort(0x0506)
	at := len(frame) - len(inner)
	require.Equal(t, []byte{1, 2, 3, 4}, frame[at+12:at+16])
	require.Equal(t, []byte{5, 6}, frame[at+20:at+22])
}

// TestQuotedLength: extensions behind the quote are no part of it (RFC 4884),
// and a length that lies is no length.
func TestQuotedLength(t *testing.T) {
	inner := pt.Build(ip4, udp, make(pt.Payload, 200))
	quoted := func(words uint16, quote []byte) int {
		var p, q packet.Packet
		frame := pt.Build(eth, ip4, pt.ICMP{Type: 11, ID: words}, pt.Payload(quote))
		require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
		require.Equal(t, packet.Accepted, p.ParseQuoted(&q))
		return len(q.NetworkPacket())
	}
	extension := make([]byte, 12)
	require.Equal(t, 128, quoted(32, append(inner[:128:128], extension...)))
	require.Equal(t, 140, quoted(0, append(inner[:128:128], extension...)))
	require.Equal(t, 140, quoted(255, append(inner[:128:128], extension...)))
	require.Equal(t, len(inner), quoted(0, inner))

	inner6 := pt.Build(ip6, udp, make(pt.Payload, 200))
	var p, q packet.Packet
	frame := pt.Build(eth, ip6, pt.ICMPv6{Type: 3, ID: 16 << 8}, pt.Payload(inner6))
	require.Equal(t, packet.Accepted, packet.Parse(frame, &p))
	require.Equal(t, packet.Accepted, p.ParseQuoted(&q))
	require.Len(t, q.NetworkPacket(), 128)
}
