// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

type benchFrame struct {
	name  string
	frame []byte
}

func benchFrames() []benchFrame {
	tagged := eth
	tagged.VLANs = []uint16{1, 2}
	ack := pt.TCP{Src: 1, Dst: 2, Flags: packet.TCPAck, Options: make([]byte, 12)}
	return []benchFrame{
		{"kind=udp4", pt.Build(eth, ip4, udp, data)},
		{"kind=tcp4", pt.Build(eth, ip4, ack, data)},
		{"kind=tcp6", pt.Build(eth, ip6, ack, data)},
		{"kind=qinq-tcp4", pt.Build(tagged, ip4, ack, data)},
		{"kind=ext-udp6", pt.Build(eth, ip6, pt.Extension{Type: 0, Body: []byte{5, 2, 0, 0}}, udp, data)},
		{"kind=icmp4", pt.Build(eth, ip4, pt.ICMP{Type: 8}, data)},
	}
}

func BenchmarkParse(b *testing.B) {
	for _, f := range benchFrames() {
		b.Run(f.name, func(b *testing.B) {
			p := new(packet.Packet)
			for b.Loop() {
				if packet.Parse(f.frame, p) != packet.Accepted {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkParseKeyHash(b *testing.B) {
	seed := packet.NewSeed()
	for _, f := range benchFrames() {
		b.Run(f.name, func(b *testing.B) {
			p := new(packet.Packet)
			var sum uint64
			var k packet.Key
			for b.Loop() {
				packet.Parse(f.frame, p)
				p.Key(1, &k)
				sum += k.Hash(&seed)
			}
			sink = sum
		})
	}
}

func BenchmarkParseQuoted(b *testing.B) {
	quote := pt.Payload(pt.Build(ip4, tcp, data))
	var p, q packet.Packet
	require.Equal(b, packet.Accepted, packet.Parse(pt.Build(eth, ip4, pt.ICMP{Type: 3}, quote), &p))
	for b.Loop() {
		if p.ParseQuoted(&q) != packet.Accepted {
			b.Fatal("refused")
		}
	}
}

var sink uint64

func TestNoAllocations(t *testing.T) {
	seed := packet.NewSeed()
	frame := pt.Build(eth, ip4, pt.ICMP{Type: 3}, pt.Payload(pt.Build(ip4, tcp, data)))
	frames := append(benchFrames(), benchFrame{"kind=error4", frame}, benchFrame{"kind=short", frame[:20]})
	p, q := new(packet.Packet), new(packet.Packet)
	var k, r packet.Key
	for _, f := range frames {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			packet.Parse(f.frame, p)
			p.Key(1, &k)
			p.ReverseKey(1, &r)
			p.ParseQuoted(q)
			for o := p.TCPOptions(); o.Next(); {
				sink += uint64(o.Kind())
			}
			p.SetSrcPort(p.SrcPort())
			sink += k.Hash(&seed) + r.Hash(&seed)
		}), f.name)
	}
}
