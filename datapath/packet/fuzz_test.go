// SPDX-License-Identifier: MIT OR Apache-2.0

package packet_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/packet"
)

func FuzzParse(f *testing.F) {
	for _, c := range cases() {
		f.Add(c.frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		ref, err := referenceFrame(frame)
		var p packet.Packet
		check(t, frame, packet.Parse(frame, &p), &p, ref, err)
	})
}

func FuzzParseIP(f *testing.F) {
	for _, c := range cases() {
		if len(c.frame) > packet.EthernetSize {
			f.Add(c.frame[packet.EthernetSize:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ref, err := referenceIP(b)
		var p packet.Packet
		check(t, b, packet.ParseIP(b, &p), &p, ref, err)
	})
}

// check holds a parsed packet against the reference and calls everything.
func check(t *testing.T, frame []byte, r packet.Reason, p *packet.Packet, ref reference, err error) {
	t.Helper()
	if (r == packet.Accepted) != (err == nil) {
		t.Fatalf("got %v, reference %v", r, err)
	}
	touch(p)
	if err != nil {
		require.Equal(t, packet.Packet{}, *p, "refused, but not emptied")
		return
	}
	require.True(t, bytes.Equal(frame, p.Frame()))
	sameBytes(t, "network", ref.network, p.NetworkPacket())
	sameBytes(t, "transport", ref.transport, p.TransportSegment())
	sameBytes(t, "payload", ref.payload, p.Payload())
	require.Equal(t, len(frame), p.NetworkOffset()+len(p.NetworkPacket())+len(p.Padding()))
	require.Equal(t, ref.family == 4, p.IPv4() != nil)
	require.Equal(t, ref.family == 6, p.IPv6() != nil)
	require.Equal(t, ref.protocol, int(p.Protocol()))
	require.Equal(t, ref.fragOffset, p.FragmentOffset())
	flags := p.Flags()
	require.Equal(t, ref.fragment, flags&packet.Fragment != 0)
	require.Equal(t, ref.fragOffset > 0, flags&packet.LaterFragment != 0)
	require.Equal(t, ref.more, flags&packet.MoreFragments != 0)
	require.Equal(t, ref.sourceRoute, flags&packet.SourceRoute != 0)
	require.Equal(t, ref.whole, flags&packet.HasTransport != 0)
	require.Equal(t, ref.ports != nil, flags&packet.HasPorts != 0)
	if ref.ports != nil {
		require.Equal(t, binary.BigEndian.Uint16(ref.ports), p.SrcPort())
		require.Equal(t, binary.BigEndian.Uint16(ref.ports[2:]), p.DstPort())
	}
}

func sameBytes(t *testing.T, what string, want, got []byte) {
	t.Helper()
	if !bytes.Equal(want, got) {
		t.Fatalf("%s: %d bytes, reference %d", what, len(got), len(want))
	}
}

// touch calls every reader of p and of what it quotes, then every setter on a
// copy of the frame, and panics if one reaches outside.
func touch(p *packet.Packet) {
	read(p)
	var q packet.Packet
	if p.ParseQuoted(&q) == packet.Accepted {
		read(&q)
		if len(q.NetworkPacket()) > len(p.Payload()) {
			panic("quote longer than the payload")
		}
	}
	frame := bytes.Clone(p.Frame())
	var c packet.Packet
	parse := packet.ParseIP
	if p.Ethernet() != nil {
		parse = packet.Parse
	}
	if parse(frame, &c) == packet.Accepted {
		write(&c)
		if c.ParseQuoted(&q) == packet.Accepted {
			write(&q)
		}
	}
}

func read(p *packet.Packet) {
	if h := p.Ethernet(); h != nil {
		_, _, _ = h.Dst().Multicast(), h.Src(), h.EtherType()
	}
	for i := -1; i <= p.Tags(); i++ {
		if h := p.VLAN(i); h != nil {
			_, _, _, _ = h.ID(), h.Priority(), h.DropEligible(), h.EtherType()
		}
	}
	if h := p.ARP(); h != nil {
		_, _, _, _, _ = h.Operation(), h.SenderMAC(), h.SenderIP(), h.TargetMAC(), h.TargetIP()
	}
	if h := p.IPv4(); h != nil {
		_, _, _, _, _ = h.TotalLength(), h.DSCP(), h.ECN(), h.ID(), h.DontFragment()
		_, _, _, _, _ = h.TTL(), h.Protocol(), h.Checksum(), h.SrcAddr(), h.DstAddr()
	}
	if h := p.IPv6(); h != nil {
		_, _, _, _ = h.DSCP(), h.ECN(), h.FlowLabel(), h.PayloadLength()
		_, _, _, _ = h.NextHeader(), h.HopLimit(), h.SrcAddr(), h.DstAddr()
	}
	if h := p.IPv6Fragment(); h != nil {
		_, _ = h.NextHeader(), h.ID()
	}
	if h := p.TCP(); h != nil {
		_, _, _, _ = h.SrcPort(), h.DstPort(), h.Seq(), h.Ack()
		_, _, _ = h.Flags(), h.Window(), h.Checksum()
	}
	if h := p.UDP(); h != nil {
		_, _, _, _ = h.SrcPort(), h.DstPort(), h.Length(), h.Checksum()
	}
	if h := p.ICMP(); h != nil {
		_, _, _, _, _, _ = h.Type(), h.Code(), h.Checksum(), h.ID(), h.Seq(), h.Rest()
	}
	for _, o := range []packet.Options{p.IPv4Options(), p.TCPOptions()} {
		for steps := 0; o.Next(); steps++ {
			if _ = o.Kind(); steps > 40 || len(o.Data()) > 38 {
				panic("more options than a header can hold")
			}
		}
	}
	var k, r packet.Key
	if p.Key(7, &k) {
		if !p.ReverseKey(7, &r) || r.Reverse() != k || k.Zone() != 7 || k.String() == "" {
			panic("key does not come back")
		}
	}
	if p.FragmentKey(7, &k) != (p.Flags()&packet.Fragment != 0) {
		panic("fragment without key")
	}
	_, _, _ = p.EtherType(), p.TransportOffset(), p.IsICMPError()
}

func write(p *packet.Packet) {
	if h := p.Ethernet(); h != nil {
		h.SetDst(h.Src())
		h.SetSrc(h.Dst())
	}
	for i := range p.Tags() {
		p.VLAN(i).SetID(0xffff)
	}
	if h := p.ARP(); h != nil {
		h.SetOperation(2)
		h.SetSender(h.TargetMAC(), h.TargetIP())
		h.SetTarget(h.SenderMAC(), h.SenderIP())
	}
	if h := p.IPv4(); h != nil {
		h.SetDSCP(0xff)
		h.SetTTL(1)
		h.SetChecksum(1)
		h.SetSrc(1)
		h.SetDst(2)
	}
	if h := p.IPv6(); h != nil {
		h.SetDSCP(0xff)
		h.SetHopLimit(1)
		h.SetSrc([16]byte{1})
		h.SetDst([16]byte{2})
	}
	if h := p.IPv6Fragment(); h != nil {
		h.SetID(1)
	}
	if h := p.TCP(); h != nil {
		h.SetSrcPort(1)
		h.SetDstPort(2)
		h.SetSeq(3)
		h.SetAck(4)
		h.SetChecksum(5)
	}
	if h := p.UDP(); h != nil {
		h.SetSrcPort(1)
		h.SetDstPort(2)
		h.SetChecksum(3)
	}
	if h := p.ICMP(); h != nil {
		h.SetChecksum(1)
		h.SetID(2)
	}
	p.SetSrcPort(3)
	p.SetDstPort(4)
	if p.Flags()&packet.HasPorts != 0 && (p.SrcPort() != 3 || p.DstPort() != 4) {
		panic("ports not set")
	}
	// The lengths were not touched, so the offsets must still hold.
	read(p)
}
