// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/checksum"
	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// benchFlows makes sessions by way of an outside address, one guest's, seven of TCP to each of UDP, and returns
// their packets in Ethernet frames of 64 bytes, in random order.
func benchFlows(b testing.TB, flows int, outside netip.Addr) (*Shard, [][]byte) {
	rnd := rand.New(rand.NewPCG(1, 2))
	n, err := New(Config{
		Outside: []netip.Addr{outside}, MaxSessions: 1 << 20, MaxSessionsPerZone: 1 << 20,
	})
	require.NoError(b, err)
	s := n.Shard(0)
	frames := make([][]byte, flows)
	for i := range frames {
		src := at(guest.Addr(), uint16(1024+rnd.IntN(64000)))
		dst := at(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 443)
		pass := func(frame []byte, from Direction) {
			p := []Packet{{Frame: frame, Zone: 1, Bare: true}}
			if from == Inward {
				s.Inbound(p)
			} else {
				s.Outbound(p)
			}
			require.NotEqual(b, Drop, p[0].Verdict, p[0].Reason.String())
		}
		if i%8 != 0 {
			open := tcpPacket(src, dst, syn)
			pass(open, Outward)
			out, _ := ends(b, open)
			pass(tcpPacket(dst, out, synAck), Inward)
			pass(tcpPacket(src, dst, ack), Outward)
			frames[i] = pt.Build(pt.Ethernet{}, ip(src, dst), pt.TCP{Src: src.Port(), Dst: 443, Flags: ack}, make(pt.Payload, 10))
		} else {
			pass(udpPacket(src, dst), Outward)
			frames[i] = pt.Build(pt.Ethernet{}, ip(src, dst), pt.UDP{Src: src.Port(), Dst: 443}, make(pt.Payload, 22))
		}
	}
	rnd.Shuffle(flows, func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	return s, frames
}

// runFlows passes b.N packets through Outbound, flow by flow. They come in a ring
// of buffers, as from a queue: the next 32 packets at a time are copied there from
// one long array, 64 bytes each, which costs about 3 ns.
func runFlows(b *testing.B, flows, batch int) {
	s, frames := benchFlows(b, flows, out4)
	incoming := make([][64]byte, flows)
	for i, f := range frames {
		require.LessOrEqual(b, len(f), 64)
		copy(incoming[i][:], f)
	}
	const ring, arriving = 256, 32
	buffers := make([][64]byte, ring)
	packets := make([]Packet, ring)
	for i := range packets {
		packets[i] = Packet{Frame: buffers[i][:], Zone: 1}
	}
	pass := func(n int) {
		next, at := 0, 0
		for range n / arriving {
			copy(buffers[at:at+arriving], incoming[next:])
			for i := at; i < at+arriving; i += batch {
				s.Outbound(packets[i : i+batch])
			}
			if next += arriving; next == flows {
				next = 0
			}
			at = (at + arriving) % ring
		}
	}
	pass(16 * flows) // until the fast path has settled
	before := s.Stats()
	b.ResetTimer()
	pass(b.N + arriving - 1)
	b.StopTimer()
	st := s.Stats()
	require.Zero(b, st.Dropped)
	b.ReportMetric(float64(st.FastHits-before.FastHits)/float64(b.N), "fast/packet")
}

// BenchmarkFastPath is parsing, finding and rewriting. The outside address is the
// guest's own and ports are preserved, so that a packet that was translated is what
// it was before, and can be translated again without being copied.
func BenchmarkFastPath(b *testing.B) {
	const flows = 128
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprintf("flows=%d/batch=%d", flows, batch), func(b *testing.B) {
			s, frames := benchFlows(b, flows, guest.Addr())
			packets := make([]Packet, flows)
			for i, f := range frames {
				packets[i] = Packet{Frame: append([]byte(nil), f...), Zone: 1}
			}
			pass := func(n int) {
				for i, next := 0, 0; i < n; i += batch {
					s.Outbound(packets[next : next+batch])
					next = (next + batch) % flows
				}
			}
			pass(16 * flows) // until the fast path has settled
			before := s.Stats()
			b.ResetTimer()
			pass(b.N)
			b.StopTimer()
			st := s.Stats()
			require.Zero(b, st.Dropped)
			for i, f := range frames {
				require.Equal(b, f, packets[i].Frame)
			}
			b.ReportMetric(float64(st.FastHits-before.FastHits)/float64(b.N), "fast/packet")
		})
	}
}

// BenchmarkBatch is the same with packets that are copied from elsewhere first, and
// with more flows than the fast path has room for.
func BenchmarkBatch(b *testing.B) {
	for _, flows := range []int{128, 4096, 65536} {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("flows=%d/batch=%d", flows, batch), func(b *testing.B) { runFlows(b, flows, batch) })
		}
	}
}

// BenchmarkRewrite sets address, port and both checksums of a packet of 1500
// bytes.
func BenchmarkRewrite(b *testing.B) {
	frame := pt.Build(ip(guest, remote), pt.TCP{Src: 5000, Dst: 443, Flags: ack}, make(pt.Payload, 1460))
	var p packet.Packet
	require.Equal(b, packet.Accepted, packet.ParseIP(frame, &p))
	var k packet.Key
	require.True(b, p.Key(1, &k))
	var f, back flow
	f.set(k, guest, at(out4, 6000))
	back.set(k, at(out4, 6000), guest)
	w := recognize(&Packet{Frame: frame, Bare: true}, 1)
	require.NotNil(b, w.header)
	b.Run("impl=delta", func(b *testing.B) {
		for i := range b.N {
			if i%2 == 0 {
				f.rewritePlain(w, Outward, Full)
			} else {
				back.rewritePlain(w, Outward, Full)
			}
		}
	})
	b.Run("impl=delta-views", func(b *testing.B) {
		for i := range b.N {
			if i%2 == 0 {
				f.rewrite(&p, Outward, Full)
			} else {
				back.rewrite(&p, Outward, Full)
			}
		}
	})
	b.Run("impl=recompute", func(b *testing.B) {
		for i := range b.N {
			h, t := p.IPv4(), p.TCP()
			h.SetSrc(binary.BigEndian.Uint32(f.to[:]) + uint32(i))
			t.SetSrcPort(uint16(i))
			h.SetChecksum(0)
			h.SetChecksum(checksum.Checksum(h[:], 0))
			segment := p.TransportSegment()
			t.SetChecksum(0)
			initial := checksum.Fold(uint64(checksum.Sum(h[12:20], 0)) + tcp + uint64(len(segment)))
			t.SetChecksum(checksum.Checksum(segment, initial))
		}
	})
}

// BenchmarkNewSession makes a session a packet; they are removed in between.
func BenchmarkNewSession(b *testing.B) {
	s := newShardOf(b, func(c *Config) { c.MaxSessionsPerZone = c.MaxSessions })
	const flows = 4096
	var frames, copies [flows][]byte
	for i := range frames {
		dst := at(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 443)
		frames[i] = udpPacket(at(guest.Addr(), uint16(2000+i)), dst)
		copies[i] = make([]byte, len(frames[i]))
	}
	p := make([]Packet, 1)
	b.ResetTimer()
	for n := range b.N {
		i := n % flows
		if i == 0 {
			b.StopTimer()
			s.RemoveZone(1)
			for i := range frames {
				copy(copies[i], frames[i])
			}
			b.StartTimer()
		}
		p[0] = Packet{Frame: copies[i], Zone: 1, Bare: true}
		s.Outbound(p)
	}
	b.StopTimer()
	require.Zero(b, s.Stats().Dropped)
}
