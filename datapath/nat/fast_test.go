// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/packet"
	pt "arcbox.dev/datapath/packet/packettest"
)

// twin returns two NATs that have been given the same packets and hold the same
// sessions; the fast path of the second one is off, since its entries are wiped
// before each packet.
type twin struct{ fast, slow *Shard }

func newTwin(t testing.TB) *twin {
	w := &twin{newShardOf(t, nil), newShardOf(t, nil)}
	w.fast.random, w.slow.random = rand.NewChaCha8([32]byte{1}), rand.NewChaCha8([32]byte{1})
	w.fast.fastSeed = 0x9e3779b97f4a7c15 // keeps these few flows apart
	for zone := range uint16(2) {
		// Zone 0 has the ports preserved; zone 1 has no session of these ports.
		src := at(guest.Addr(), 5000+zone)
		w.both(t, Outward, zone, udpPacket(src, remote))
		w.both(t, Outward, zone, tcpPacket(src, remote, syn))
		w.both(t, Inward, 0, tcpPacket(remote, at(out4, src.Port()), synAck))
		w.both(t, Outward, zone, tcpPacket(src, remote, ack))
		for range 2 {
			w.both(t, Outward, zone, udpPacket(src, remote))
			w.both(t, Outward, zone, tcpPacket(src, remote, ack))
			w.both(t, Inward, 0, udpPacket(remote, at(out4, src.Port())))
			w.both(t, Inward, 0, tcpPacket(remote, at(out4, src.Port()), ack))
		}
	}
	require.Equal(t, uint64(8), w.fast.Stats().FastHits)
	require.Zero(t, w.slow.Stats().FastHits)
	return w
}

// both passes a frame through both and requires the same of them, bit for bit.
// It reports whether the fast path took it.
func (w *twin) both(t testing.TB, d Direction, zone uint16, frame []byte, edit ...func(*Packet)) bool {
	t.Helper()
	a := []Packet{{Frame: append([]byte(nil), frame...), Zone: zone, Bare: true}}
	b := []Packet{{Frame: append([]byte(nil), frame...), Zone: zone, Bare: true}}
	for _, e := range edit {
		e(&a[0])
		e(&b[0])
	}
	hits := w.fast.Stats().FastHits
	w.slow.fast = [fastEntries]fastEntry{}
	w.fast.gate = fastGate{}
	if d == Outward {
		w.fast.Outbound(a)
		w.slow.Outbound(b)
	} else {
		w.fast.Inbound(a)
		w.slow.Inbound(b)
	}
	require.Equal(t, b, a)
	// A fast hit is counted beside what it does.
	x, y := w.fast.Stats(), w.slow.Stats()
	x.FastHits, y.FastHits = 0, 0
	require.Equal(t, y, x)
	for i := range w.fast.sessions.fresh {
		require.Equal(t, *w.slow.sessions.at(i), *w.fast.sessions.at(i))
	}
	return w.fast.Stats().FastHits > hits
}

// TestFastAsGeneral: with any bytes changed, cut off or appended, the fast path
// declines or does bit for bit what the general path does.
func TestFastAsGeneral(t *testing.T) {
	var w *twin
	rapid.Check(t, func(rt *rapid.T) {
		w = newTwin(t)
		for range 20 {
			zone := uint16(rapid.IntRange(0, 1).Draw(rt, "zone"))
			src := at(guest.Addr(), 5000+zone)
			d := Direction(rapid.IntRange(0, 1).Draw(rt, "direction"))
			from, to := src, remote
			if d == Inward {
				from, to = remote, at(out4, src.Port())
			}
			frame := udpPacket(from, to)
			if rapid.Bool().Draw(rt, "tcp") {
				frame = tcpPacket(from, to, ack)
			}
			bare := rapid.Bool().Draw(rt, "bare")
			fixed := rapid.Bool().Draw(rt, "right header sum")
			for range rapid.IntRange(0, 2).Draw(rt, "edits") {
				i := rapid.IntRange(0, 35).Draw(rt, "at")
				frame[i] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			}
			if fixed {
				frame[10], frame[11] = 0, 0
				sum := pt.Sum(frame[:20])
				frame[10], frame[11] = byte(sum>>8), byte(sum)
			}
			frame = frame[:len(frame)-rapid.IntRange(0, len(frame)).Draw(rt, "cut")*rapid.IntRange(0, 1).Draw(rt, "if")]
			frame = append(frame, make([]byte, rapid.IntRange(0, 20).Draw(rt, "padding"))...)
			if !bare {
				frame = pt.Build(pt.Ethernet{Type: packet.EtherTypeIPv4}, pt.Payload(frame))
			}
			mode := Checksum(rapid.IntRange(0, 2).Draw(rt, "checksum"))
			w.both(t, d, zone, frame, func(p *Packet) { p.Bare, p.Checksum = bare, mode })
		}
	})
}

// TestFastBits: each single bit of the headers that is turned.
func TestFastBits(t *testing.T) {
	w := newTwin(t)
	for _, frame := range [][]byte{udpPacket(guest, remote), tcpPacket(guest, remote, ack)} {
		require.True(t, w.both(t, Outward, 0, frame))
		for bit := range 8 * len(frame) {
			frame[bit/8] ^= 1 << (bit % 8)
			w.both(t, Outward, 0, frame)
			sum := [2]byte{frame[10], frame[11]}
			frame[10], frame[11] = 0, 0
			right := pt.Sum(frame[:20])
			frame[10], frame[11] = byte(right>>8), byte(right)
			w.both(t, Outward, 0, frame)
			copy(frame[10:], sum[:])
			frame[bit/8] ^= 1 << (bit % 8)
		}
	}
	var long [packet.MaxFrame + 1]byte
	copy(long[:], udpPacket(guest, remote))
	require.True(t, w.both(t, Outward, 0, long[:packet.MaxFrame]))
	require.False(t, w.both(t, Outward, 0, long[:]))
}

// TestFastForgets: a session that is gone has no entry, and another one that takes
// its memory isn't mistaken for it.
func TestFastForgets(t *testing.T) {
	w := newTwin(t)
	require.True(t, w.both(t, Inward, 0, udpPacket(remote, at(out4, 5000))))
	w.fast.RemoveZone(0)
	w.slow.RemoveZone(0)
	require.False(t, w.both(t, Inward, 0, udpPacket(remote, at(out4, 5000))))
	other := ap("10.9.9.9:5000")
	w.both(t, Outward, 3, udpPacket(other, remote))
	w.both(t, Outward, 0, udpPacket(at(guest.Addr(), 5999), remote))
	w.both(t, Inward, 0, udpPacket(remote, at(out4, 5000)))
	w.both(t, Outward, 0, udpPacket(guest, at(remote.Addr().Next(), 99)))
}

// TestFastPlaces: nearly all of 128 flows find a place, and keep it.
func TestFastPlaces(t *testing.T) {
	s, frames := benchFlows(t, 128, out4)
	s.fastSeed = 0x9e3779b97f4a7c15
	s.fast = [fastEntries]fastEntry{}
	var hits uint64
	for range 20 {
		hits = s.Stats().FastHits
		for _, f := range frames {
			s.Outbound([]Packet{{Frame: append([]byte(nil), f...), Zone: 1}})
		}
	}
	require.Greater(t, s.Stats().FastHits-hits, uint64(120))
	for i := range s.fast {
		if e := &s.fast[i]; e.rest != 0 {
			first, second := s.places(e.addresses, e.rest)
			require.True(t, e == first || e == second)
		}
	}
}

// TestFastGate: where hits are rare, the fast path is tried with a few packets in
// a thousand, and again with all when they are not.
func TestFastGate(t *testing.T) {
	var g fastGate
	tried := 0
	for range 100_000 {
		if g.open(1) {
			tried++
			g.note(1, 0)
		}
	}
	require.InDelta(t, 100_000*gateRound/(gateRound+gateRest), tried, gateRound)
	for range gateRest {
		if g.open(1) {
			g.note(1, 1)
		}
	}
	for range 100_000 {
		require.True(t, g.open(32))
		g.note(32, 8)
	}
}

// TestFastCrowd: with more flows than entries, all are translated still.
func TestFastCrowd(t *testing.T) {
	s, frames := benchFlows(t, 2000, out4)
	rnd := rand.New(rand.NewPCG(3, 4))
	b := make([]Packet, 50)
	for range 400 {
		for i := range b {
			b[i] = Packet{Frame: append([]byte(nil), frames[rnd.IntN(len(frames))]...), Zone: 1}
		}
		s.Outbound(b)
		for _, p := range b {
			require.Equal(t, Send, p.Verdict)
			require.NoError(t, pt.VerifyIP(p.Frame[14:]))
		}
	}
	require.NotZero(t, s.Stats().FastHits)
	s.RemoveZone(1)
	requireEmpty(t, s.nat)
}
