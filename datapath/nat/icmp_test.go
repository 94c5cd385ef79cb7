// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// icmpErrorAbout returns an "unreachable" from src to dst that quotes a packet.
func icmpErrorAbout(quote []byte, src, dst netip.Addr) []byte {
	if src.Is4() {
		return pt.Build(pt.IPv4{Src: src, Dst: dst}, pt.ICMP{Type: packet.ICMPv4Unreachable, Code: 3}, pt.Payload(quote))
	}
	return pt.Build(pt.IPv6{Src: src, Dst: dst}, pt.ICMPv6{Type: packet.ICMPv6Unreachable, Code: 4}, pt.Payload(quote))
}

// quoteOf returns the packet that an IP packet quotes.
func quoteOf(frame []byte) []byte {
	if frame[0]>>4 == 4 {
		return frame[28:]
	}
	return frame[48:]
}

// TestICMPErrors: RFC 5508 REQ-3 to REQ-6, both ways, with quotes of all lengths
// that are enough: the packet quoted is what its sender sent, bit for bit, with
// its checksums; so is the error's own checksum; and no timer moves.
func TestICMPErrors(t *testing.T) {
	router4, router6 := addr("192.0.2.200"), addr("2001:db8:200::1")
	for _, c := range sessionCases {
		header, router := 20, router4
		if !c.inner.Addr().Is4() {
			header, router = 40, router6
		}
		s := newShardOf(t, nil)
		sent(t, outward(s, 0, c.first(c.inner, c.remote))) // takes the port
		original := c.first(c.inner, c.remote)
		p := outward(s, 1, append([]byte(nil), original...))
		outer, _ := sent(t, p)
		translated := p.Frame
		answer := c.answer(c.remote, outer)
		p = inward(s, append([]byte(nil), answer...))
		delivered(t, p, 1)
		received := p.Frame
		for n := header + 8; n <= len(original); n++ {
			// From a router on the way, about what the guest sent.
			p := inward(s, icmpErrorAbout(translated[:n], router, outer.Addr()))
			require.Equal(t, Deliver, p.Verdict, p.Reason.String())
			require.Equal(t, uint16(1), p.Zone)
			require.NoError(t, pt.VerifyIP(p.Frame))
			if halfSum := c.name[:3] == "tcp" && n == header+tcpSumAt+1; !halfSum { // which stays
				require.Equal(t, icmpErrorAbout(original[:n], router, c.inner.Addr()), p.Frame)
			}
		}
		for n := header + 8; n <= len(received); n++ {
			// From the guest, or a router behind it, about what it was sent.
			for _, from := range []netip.Addr{c.inner.Addr(), c.inner.Addr().Next()} {
				p := outward(s, 1, icmpErrorAbout(received[:n], from, c.remote.Addr()))
				require.Equal(t, Send, p.Verdict, p.Reason.String())
				require.NoError(t, pt.VerifyIP(p.Frame))
				if halfSum := c.name[:3] == "tcp" && n == header+tcpSumAt+1; !halfSum {
					require.Equal(t, icmpErrorAbout(answer[:n], outer.Addr(), c.remote.Addr()), p.Frame)
				}
			}
		}
		refuse := func(d Direction, frame []byte, want Reason) {
			t.Helper()
			if d == Inward {
				dropped(t, inward(s, frame), want)
			} else {
				dropped(t, outward(s, 1, frame), want)
			}
		}
		stranger := at(c.remote.Addr().Next(), c.remote.Port())
		refuse(Inward, icmpErrorAbout(translated[:header+7], router, outer.Addr()), Reason(packet.ShortTransport))
		refuse(Inward, icmpErrorAbout(c.first(outer, stranger), router, outer.Addr()), NoSession)
		refuse(Inward, icmpErrorAbout(translated, router, outer.Addr().Next()), BadQuote)
		refuse(Inward, icmpErrorAbout(translated, s.nat.outsideOf(1, router), outer.Addr()), Spoofed)
		refuse(Outward, icmpErrorAbout(received, c.inner.Addr(), stranger.Addr()), BadQuote)
		refuse(Outward, icmpErrorAbout(c.answer(stranger, c.inner), c.inner.Addr(), stranger.Addr()), NoSession)
		broken := icmpErrorAbout(translated, router, outer.Addr())
		broken[len(broken)-1] ^= 1
		refuse(Inward, broken, BadChecksum)
		if header == 20 {
			quote := append([]byte(nil), translated...)
			quote[8]-- // the hop limit without the checksum
			refuse(Inward, icmpErrorAbout(quote, router, outer.Addr()), BadHeaderChecksum)
			redirect := pt.Build(pt.IPv4{Src: router, Dst: outer.Addr()}, pt.ICMP{Type: packet.ICMPv4Redirect}, pt.Payload(translated))
			refuse(Inward, redirect, ICMPType)
		}
		// No other zone can speak about it.
		dropped(t, outward(s, 2, icmpErrorAbout(received, c.inner.Addr(), c.remote.Addr())), NoSession)

		for range 2 { // errors don't refresh
			s.Advance(s.now0() + 5*time.Minute + 2*tick)
			inward(s, icmpErrorAbout(translated, router, outer.Addr()))
		}
		requireEmpty(t, s.nat)
	}
}

// TestQuotedFragment: an error about a first fragment is translated.
func TestQuotedFragment(t *testing.T) {
	s := newShardOf(t, nil)
	sent(t, outward(s, 1, udpPacket(guest, remote)))
	whole := pt.Build(pt.IPv4{Src: out4, Dst: remote.Addr()}, pt.UDP{Src: 5000, Dst: 443}, make(pt.Payload, 40))
	quote := pt.Build(pt.IPv4{Src: out4, Dst: remote.Addr(), More: true, Protocol: udp}, pt.Payload(whole[20:44]))
	p := inward(s, icmpErrorAbout(quote, remote.Addr(), out4))
	require.Equal(t, Deliver, p.Verdict, p.Reason.String())
	src, dst := ends(t, quoteOf(p.Frame))
	require.Equal(t, guest, src)
	require.Equal(t, remote, dst)
	later := pt.Build(pt.IPv4{Src: out4, Dst: remote.Addr(), Offset: 24, Protocol: udp}, make(pt.Payload, 8))
	dropped(t, inward(s, icmpErrorAbout(later, remote.Addr(), out4)), NoSession)
}
