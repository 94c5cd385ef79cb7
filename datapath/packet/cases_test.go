// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

var (
	v4a, v4b = netip.MustParseAddr("10.0.2.15"), netip.MustParseAddr("192.0.2.1")
	v6a, v6b = netip.MustParseAddr("fd00::15"), netip.MustParseAddr("2001:db8::1")
	eth      = pt.Ethernet{Dst: [6]byte{2, 0, 0, 0, 0, 1}, Src: [6]byte{2, 0, 0, 0, 0, 2}}
	ip4      = pt.IPv4{Src: v4a, Dst: v4b}
	ip6      = pt.IPv6{Src: v6a, Dst: v6b}
	tcp      = pt.TCP{Src: 40000, Dst: 443, Flags: packet.TCPSyn, Options: []byte{2, 4, 5, 180, 1, 3, 3, 7}}
	udp      = pt.UDP{Src: 40001, Dst: 53}
	data     = pt.Payload("sixteen bytes !!")
)

type parseCase struct {
	name  string
	frame []byte
	want  packet.Reason
}

// poke returns a copy of b with the bytes at offset at replaced.
func poke(b []byte, at int, v ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], v)
	return b
}

// fragment6 is an IPv6 fragment of UDP.
func fragment6(offset int, more bool, b pt.Payload) []byte {
	return pt.Build(eth, ip6, pt.Fragment{Offset: offset, More: more, ID: 9, Next: 17}, b)
}

// fragment4 is an IPv4 fragment.
func fragment4(offset int, more bool, protocol uint8, b pt.Payload) []byte {
	ip := ip4
	ip.Offset, ip.More, ip.Protocol, ip.ID = offset, more, protocol, 9
	return pt.Build(eth, ip, b)
}

// cases are frames that Parse must accept or refuse; they seed the fuzzers too.
func cases() []parseCase {
	tcp4, tcp6 := pt.Build(eth, ip4, tcp, data), pt.Build(eth, ip6, tcp, data)
	udp4 := pt.Build(eth, ip4, udp, data)
	tags := func(n int) []byte {
		e := eth
		e.VLANs = make([]uint16, n)
		for i := range e.VLANs {
			e.VLANs[i] = uint16(0xb000 + i)
		}
		return pt.Build(e, ip4, tcp, data)
	}
	options := func(o ...byte) []byte {
		ip := ip4
		ip.Options = o
		return pt.Build(eth, ip, udp, data)
	}
	extensions := func(l ...pt.Layer) []byte {
		return pt.Build(append(append([]pt.Layer{eth, ip6}, l...), udp, data)...)
	}
	many := func(n, body int) []byte {
		var l []pt.Layer
		for range n {
			l = append(l, pt.Extension{Type: 60, Body: make([]byte, body)})
		}
		return extensions(l...)
	}
	arp := pt.Build(eth, pt.ARP{Operation: 1, SenderIP: v4a, TargetIP: v4b})
	hop := pt.Extension{Type: 0, Body: []byte{5, 2, 0, 0}}
	quote4 := pt.Payload(pt.Build(ip4, tcp, data))
	quote6 := pt.Payload(pt.Build(ip6, pt.UDP{Src: 1, Dst: 2}, data))
	lldp := eth
	lldp.Type = 0x88cc

	return []parseCase{
		{"TCP over IPv4", tcp4, packet.Accepted},
		{"TCP over IPv6", tcp6, packet.Accepted},
		{"UDP over IPv4", udp4, packet.Accepted},
		{"ARP", arp, packet.Accepted},
		{"ARP padded", pt.Pad(arp, 60), packet.Accepted},
		{"LLDP", pt.Build(lldp, data), packet.Accepted},
		{"padded", pt.Pad(pt.Build(eth, ip4, udp), 60), packet.Accepted},
		{"echo", pt.Build(eth, ip4, pt.ICMP{Type: 8, ID: 7}, data), packet.Accepted},
		{"echo v6", pt.Build(eth, ip6, pt.ICMPv6{Type: 128, ID: 7}, data), packet.Accepted},
		{"unreachable", pt.Build(eth, ip4, pt.ICMP{Type: 3, Code: 3}, quote4), packet.Accepted},
		{"too big", pt.Build(eth, ip6, pt.ICMPv6{Type: 2, Seq: 1280}, quote6), packet.Accepted},
		{"ICMP over IPv6", pt.Build(eth, pt.IPv6{Src: v6a, Dst: v6b, Next: 1}), packet.Accepted},
		{"one tag", tags(1), packet.Accepted},
		{"two tags", tags(2), packet.Accepted},
		{"three tags", tags(3), packet.TooManyTags},
		{"tag cut", tags(1)[:17], packet.ShortLink},
		{"empty", nil, packet.ShortLink},
		{"link cut", tcp4[:13], packet.ShortLink},
		{"link only", tcp4[:14], packet.ShortNetwork},
		{"IPv4 cut", tcp4[:33], packet.ShortNetwork},
		{"IPv6 cut", tcp6[:53], packet.ShortNetwork},
		{"ARP cut", arp[:41], packet.ShortNetwork},
		{"ARP for tokens", poke(arp, 15, 6), packet.BadARP},
		{"frame too long", make([]byte, packet.MaxFrame+1), packet.TooLong},
		{"IPv4 version 6", poke(tcp4, 14, 0x65), packet.BadVersion},
		{"IPv6 version 4", poke(tcp6, 14, 0x40), packet.BadVersion},
		{"IHL 4", poke(tcp4, 14, 0x44), packet.BadHeaderLength},
		{"IHL over buffer", poke(tcp4[:40], 14, 0x4f), packet.ShortNetwork},
		{"total below header", poke(tcp4, 16, 0, 19), packet.BadLength},
		{"total over buffer", poke(tcp4, 17, tcp4[17]+1), packet.LengthOverBuffer},
		{"IPv6 over buffer", poke(tcp6, 19, tcp6[19]+1), packet.LengthOverBuffer},
		{"TCP cut", pt.Build(eth, pt.IPv4{Src: v4a, Dst: v4b, Protocol: 6}, data), packet.ShortTransport},
		{"TCP offset 4", poke(tcp4, 46, 0x40), packet.BadHeaderLength},
		{"TCP offset over packet", poke(tcp4, 46, 0xf0), packet.ShortTransport},
		{"UDP length 7", poke(udp4, 38, 0, 7), packet.BadUDPLength},
		{"UDP length over packet", poke(udp4, 38, 0, 25), packet.BadUDPLength},
		{"UDP length short of packet", poke(udp4, 38, 0, 20), packet.Accepted},
		{"UDP cut", pt.Build(eth, pt.IPv4{Src: v4a, Dst: v4b, Protocol: 17}, data[:7]), packet.ShortTransport},
		{"ICMP cut", pt.Build(eth, pt.IPv4{Src: v4a, Dst: v4b, Protocol: 1}, data[:7]), packet.ShortTransport},
		{"router alert", options(148, 4, 0, 0), packet.Accepted},
		{"source route", options(131, 7, 4, 1, 2, 3, 4), packet.Accepted},
		{"rubbish after the end", options(0, 7, 0, 0), packet.Accepted},
		{"option length 0", options(7, 0), packet.BadOption},
		{"option length 1", options(7, 1), packet.BadOption},
		{"option leaves header", options(7, 5, 0, 0), packet.BadOption},
		{"option without length", options(1, 1, 1, 7), packet.BadOption},
		{"first fragment", fragment4(0, true, 17, pt.Payload(pt.Build(udp, make(pt.Payload, 32)))), packet.Accepted},
		{"later fragment", fragment4(24, false, 17, data[:3]), packet.Accepted},
		{"fragment of odd size", fragment4(24, true, 17, data[:15]), packet.BadFragment},
		{"empty fragment", fragment4(24, true, 17, nil), packet.BadFragment},
		{"fragment past the end", fragment4(65528, false, 17, data), packet.BadFragment},
		{"fragment in TCP header", fragment4(8, false, 6, data), packet.BadFragment},
		{"fragment behind TCP header", fragment4(24, false, 6, data), packet.Accepted},
		{"tiny first fragment", fragment4(0, true, 6, data), packet.ShortTransport},
		{"v6 first fragment", fragment6(0, true, pt.Payload(pt.Build(udp, data))), packet.Accepted},
		{"v6 later fragment", fragment6(24, false, data), packet.Accepted},
		{"v6 atomic fragment", fragment6(0, false, pt.Payload(pt.Build(udp, data))), packet.Accepted},
		{"v6 odd fragment", fragment6(24, true, data[:9]), packet.BadFragment},
		{"v6 past the end", fragment6(65528, false, data), packet.BadFragment},
		{"two fragment headers", extensions(pt.Fragment{}, pt.Fragment{}), packet.MisplacedExtension},
		{"hop by hop", extensions(hop), packet.Accepted},
		{"hop by hop second", extensions(pt.Extension{Type: 60}, hop), packet.MisplacedExtension},
		{"routing", extensions(pt.Extension{Type: 43, Body: []byte{2, 1, 0, 0, 0, 0}}), packet.Accepted},
		{"authentication", extensions(pt.Extension{Type: 51, Body: make([]byte, 22)}), packet.Accepted},
		{"option leaves extension", extensions(pt.Extension{Type: 60, Body: []byte{1, 9, 0, 0, 0, 0}}), packet.BadOption},
		{"extension cut", poke(extensions(hop), 55, 200), packet.ExtensionsTooLong},
		{"extension over packet", poke(extensions(hop), 55, 4), packet.ShortExtension},
		{"hop by hop missing", pt.Build(eth, pt.IPv6{Src: v6a, Dst: v6b, Next: 60}), packet.ShortExtension},
		{"eight extensions", many(8, 6), packet.Accepted},
		{"nine extensions", many(9, 6), packet.TooManyExtensions},
		{"512 bytes of extensions", many(2, 254), packet.Accepted},
		{"520 bytes of extensions", many(2, 258), packet.ExtensionsTooLong},
	}
}

func TestParse(t *testing.T) {
	seen := map[packet.Reason]bool{packet.NoQuote: true, packet.QuotedError: true}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			p := stale()
			got := packet.Parse(c.frame, &p)
			require.Equal(t, c.want.String(), got.String())
			ref, err := referenceFrame(c.frame)
			check(t, c.frame, got, &p, ref, err)
			seen[got] = true
		})
	}
	for r := range packet.Reasons {
		require.True(t, seen[packet.Reason(r)], "no case for %q", packet.Reason(r))
	}
}

// stale is a Packet that was used before, for everything at once.
func stale() (p packet.Packet) {
	e := eth
	e.VLANs = []uint16{1, 2}
	frame := pt.Build(e, ip6, pt.Extension{Type: 43, Body: []byte{0, 1, 0, 0, 0, 0}},
		pt.Fragment{Offset: 64, More: true, ID: 3, Next: 17}, data)
	if r := packet.Parse(frame, &p); r != packet.Accepted {
		panic(r.String())
	}
	return p
}

// TestParseEveryCut parses every prefix of every frame, at the end of a buffer
// whose capacity goes on, so that a read past the length would go unseen by Go.
func TestParseEveryCut(t *testing.T) {
	for _, c := range cases() {
		if len(c.frame) > 2000 {
			continue
		}
		for n := range c.frame {
			var p packet.Packet
			frame := c.frame[:n]
			ref, err := referenceFrame(frame)
			check(t, frame, packet.Parse(frame, &p), &p, ref, err)
		}
	}
}

// TestParseEveryByte puts telling values into every byte of every header.
func TestParseEveryByte(t *testing.T) {
	for _, c := range cases() {
		for at := 12; at < min(len(c.frame), 120); at++ {
			for _, v := range []byte{0, 1, 4, 6, 8, 17, 43, 44, 60, 0x45, 0x60, 0x7f, 0x80, 0xff} {
				var p packet.Packet
				frame := poke(c.frame, at, v)
				ref, err := referenceFrame(frame)
				check(t, frame, packet.Parse(frame, &p), &p, ref, err)
			}
		}
	}
}
