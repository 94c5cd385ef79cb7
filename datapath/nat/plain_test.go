// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// requireRecognized wants what is recognized as plain to be what the parser and the
// general path make of it, and anything else that these take for data not to be plain.
// It reports whether the packet was plain.
func requireRecognized(t require.TestingT, frame []byte, bare bool) bool {
	const zone = 7
	p := Packet{Frame: frame, Bare: bare}
	w := recognize(&p, zone)
	s := &Shard{nat: &NAT{}}
	l := lane{out: &p, zone: zone}
	accepted := s.prepare(&l) == Translated
	q := &l.packet
	const odd = packet.HasOptions | packet.Fragment
	isPlain := accepted && l.data && q.Network() == packet.NetworkIPv4 && q.Flags()&odd == 0 && q.Tags() == 0
	require.Equal(t, isPlain, w.header != nil)
	if !isPlain {
		return false
	}
	var k packet.Key
	w.key(&k)
	require.Equal(t, l.key, k)
	require.Equal(t, q.Protocol(), w.protocol())

	var f flow
	f.set(k, at(k.SrcAddr(), k.SrcPort()), at(out4, 6000))
	for d := range Direction(2) {
		other := append([]byte(nil), frame...)
		here := append([]byte(nil), frame...)
		p.Frame = here
		f.rewritePlain(recognize(&p, zone), d, Full)
		p.Frame = other
		require.Equal(t, Translated, s.prepare(&l))
		f.rewrite(&l.packet, d, Full)
		require.Equal(t, other, here)
	}
	return true
}

// TestRecognize: packets of all kinds, with bytes changed, cut off or appended.
func TestRecognize(t *testing.T) {
	found := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		frame := rapid.SampledFrom([][]byte{
			udpPacket(guest, remote), tcpPacket(guest, remote, ack), tcpPacket(guest, remote, syn),
		}).Draw(t, "frame")
		frame = append([]byte(nil), frame...)
		for range rapid.IntRange(0, 2).Draw(t, "edits") {
			frame[rapid.IntRange(0, len(frame)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		if rapid.Bool().Draw(t, "right header sum") {
			frame[10], frame[11] = 0, 0
			sum := pt.Sum(frame[:20])
			frame[10], frame[11] = byte(sum>>8), byte(sum)
		}
		if rapid.Bool().Draw(t, "cut") {
			frame = frame[:rapid.IntRange(0, len(frame)).Draw(t, "length")]
		}
		frame = append(frame, make([]byte, rapid.IntRange(0, 20).Draw(t, "padding"))...)
		bare := rapid.Bool().Draw(t, "bare")
		if !bare {
			frame = pt.Build(pt.Ethernet{Type: packet.EtherTypeIPv4}, pt.Payload(frame))
		}
		found[requireRecognized(t, frame, bare)]++
	})
	require.NotZero(t, found[true])
	require.NotZero(t, found[false])
}

// TestRecognizeBits: each single bit of the headers that is turned.
func TestRecognizeBits(t *testing.T) {
	for _, frame := range [][]byte{udpPacket(guest, remote), tcpPacket(guest, remote, ack)} {
		require.True(t, requireRecognized(t, frame, true))
		for bit := range 8 * len(frame) {
			frame[bit/8] ^= 1 << (bit % 8)
			requireRecognized(t, frame, true)
			frame[bit/8] ^= 1 << (bit % 8)
		}
	}
}
