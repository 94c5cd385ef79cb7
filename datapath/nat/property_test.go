// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	pt "arcbox.dev/datapath/packet/packettest"
)

// TestAgainstModel: random packets both ways in batches, of zones with the same
// addresses, with jumps of time, few ports, and low limits. Each translated packet
// has right checksums by full computation, and goes where the model says.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := Config{Outside: []netip.Addr{out4, out6}}
		c.PortMin = 5000
		c.PortMax = uint16(5000 + rapid.IntRange(0, 7).Draw(rt, "ports"))
		c.MaxSessions = rapid.SampledFrom([]int{5, 20, 1000}).Draw(rt, "sessions")
		c.MaxSessionsPerZone = rapid.SampledFrom([]int{3, 10, 1000}).Draw(rt, "zone sessions")
		c.EndpointIndependentFiltering = rapid.Bool().Draw(rt, "open mappings")
		n, err := New(c)
		require.NoError(rt, err)
		forwards := []Forward{
			{Protocol: tcp, Outside: at(out4, 80), Zone: 1, Inside: at(guest.Addr(), 5001)},
			{Protocol: udp, Outside: at(out6, 53), Zone: 2, Inside: at(guest6.Addr(), 5002)},
		}
		require.NoError(rt, n.SetForwards(forwards))
		m, s := newModel(c, forwards), n.Shard(0)
		var clock time.Duration
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				d := rapid.SampledFrom([]time.Duration{
					time.Second, 59 * time.Second, time.Minute, 61 * time.Second, 4 * time.Minute,
					5*time.Minute + time.Second, 2 * time.Hour, 3 * time.Hour, 365 * 24 * time.Hour,
				}).Draw(rt, "time")
				clock += d
				for s.Advance(clock) {
				}
				m.advance(d)
			case 1:
				zone := uint16(rapid.IntRange(0, 3).Draw(rt, "gone"))
				s.RemoveZone(zone)
				m.removeZone(zone)
			default:
				modelBatch(rt, s, m)
			}
			st := s.Stats()
			require.Equal(rt, len(m.sessions), st.Sessions)
			require.Equal(rt, m.mapped(), st.Mappings)
		}
		for s.Advance(clock + 3*time.Hour) {
		}
		requireEmpty(t, n)
	})
}

// modelBatch passes some packets in one direction.
func modelBatch(t *rapid.T, s *Shard, m *model) {
	d := Direction(rapid.IntRange(0, 1).Draw(t, "direction"))
	packets := make([]modelPacket, rapid.IntRange(1, 40).Draw(t, "batch"))
	batch := make([]Packet, len(packets))
	for i := range packets {
		packets[i] = drawPacket(t, m, d)
		frame := packets[i].build()
		if packets[i].badSum {
			frame[len(frame)-1] ^= 0xff
		}
		batch[i] = Packet{Frame: frame, Zone: packets[i].zone, Bare: true}
	}
	if d == Outward {
		s.Outbound(batch)
	} else {
		s.Inbound(batch)
	}
	for i, p := range packets {
		what := fmt.Sprintf("packet %d: %+v: %v", i, p, batch[i].Reason)
		want := m.packet(p)
		require.Equal(t, want.reason.String(), batch[i].Reason.String(), what)
		if want.reason != Translated {
			require.Equal(t, Drop, batch[i].Verdict, what)
			continue
		}
		require.Equal(t, !p.badSum, pt.VerifyIP(batch[i].Frame) == nil, what)
		from, to := ends(t, batch[i].Frame)
		if d == Outward {
			require.Equal(t, Send, batch[i].Verdict, what)
			require.Equal(t, p.to, to, what)
			require.True(t, want.to[from], "%s: %v, want one of %v", what, from, want.to)
			want.note(from)
		} else {
			require.Equal(t, Deliver, batch[i].Verdict, what)
			require.Equal(t, p.from, from, what)
			require.True(t, want.to[to], "%s: %v, want one of %v", what, to, want.to)
			require.Equal(t, want.zone, batch[i].Zone, what)
			want.note(to)
		}
	}
}

// drawPacket draws one of few packets, so that they meet sessions.
func drawPacket(t *rapid.T, m *model, d Direction) modelPacket {
	p := modelPacket{direction: d, badSum: rapid.IntRange(0, 15).Draw(t, "bad sum") == 0}
	far := rapid.SampledFrom(modelRemotes).Draw(t, "remote")
	near := guest.Addr()
	if far.Addr().Is6() {
		near = guest6.Addr()
	}
	p.protocol = rapid.SampledFrom([]uint8{tcp, udp, udp, icmpOf(near)}).Draw(t, "protocol")
	if p.protocol == icmpOf(near) {
		far = at(far.Addr(), echoType(near))
	}
	p.flags = rapid.SampledFrom([]uint8{syn, syn, synAck, ack, ack, ack, fin | ack, rst}).Draw(t, "flags")
	port := uint16(rapid.IntRange(4999, 5003).Draw(t, "port"))
	if d == Outward {
		p.zone = uint16(rapid.IntRange(0, 3).Draw(t, "zone"))
		p.from, p.to = at(near, port), far
		return p
	}
	outside := out4
	if near.Is6() {
		outside = out6
	}
	port = rapid.SampledFrom([]uint16{80, 53, port, m.config.PortMin, m.config.PortMax}).Draw(t, "outer")
	p.from, p.to = far, at(outside, port)
	return p
}

func (p modelPacket) build() []byte {
	switch p.protocol {
	case tcp:
		return tcpPacket(p.from, p.to, p.flags)
	case udp:
		return udpPacket(p.from, p.to)
	}
	return echo(p.from, p.to, p.direction == Inward)
}
