// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tcpStep is a packet of a connection: its flags, upper case outward.
type tcpStep struct {
	d     Direction
	flags uint8
}

func out(flags uint8) tcpStep { return tcpStep{Outward, flags} }
func in(flags uint8) tcpStep  { return tcpStep{Inward, flags} }

// TestTCPStates: what a connection's packets make of its timeout.
func TestTCPStates(t *testing.T) {
	const (
		transitory  = 4 * time.Minute
		established = 2*time.Hour + 4*time.Minute
	)
	handshake := []tcpStep{out(syn), in(synAck), out(ack)}
	closed := append(handshake[:3:3], out(fin|ack), in(fin|ack), out(ack))
	for _, c := range []struct {
		name  string
		steps []tcpStep
		want  time.Duration
	}{
		{"syn", []tcpStep{out(syn)}, transitory},
		{"half open", []tcpStep{out(syn), in(synAck)}, transitory},
		{"repeated syn", []tcpStep{out(syn), out(syn), out(syn)}, transitory},
		{"established", handshake, established},
		{"acknowledged from the wrong side", []tcpStep{out(syn), in(synAck), in(ack)}, transitory},
		{"data without a handshake", []tcpStep{out(syn), out(ack)}, transitory},
		{"simultaneous open (RFC 5382 REQ-2)", []tcpStep{out(syn), in(syn), out(synAck), in(synAck), out(ack)}, established},
		{"half closed", append(handshake[:3:3], out(fin|ack), in(ack)), established},
		{"half closed from outside", append(handshake[:3:3], in(fin|ack), out(ack)), established},
		{"closed", closed, transitory},
		{"reset by the inside", append(handshake[:3:3], out(rst)), transitory},
		{"reset by the outside", append(handshake[:3:3], in(rst)), transitory},
		{"reset, and the outside goes on", append(handshake[:3:3], in(rst), in(ack)), transitory},
		{"reset, and the inside goes on (RFC 7857 §2.2)", append(handshake[:3:3], in(rst), out(ack)), established},
		{"refused", []tcpStep{out(syn), in(rst | ack)}, transitory},
		{"used again (RFC 6191)", append(closed[:6:6], out(syn)), transitory},
		{"used again, established", append(closed[:6:6], out(syn), in(synAck), out(ack)), established},
		{"used again by the outside", append(closed[:6:6], in(syn), out(synAck), in(ack)), established},
		{"used again after a reset", append(handshake[:3:3], in(rst), out(syn), in(synAck), out(ack)), established},
		{"syn on a connection", append(handshake[:3:3], out(syn)), established},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShardOf(t, nil)
			start := 5*time.Second + tick/2
			s.Advance(start)
			playTCP(t, s, c.steps)
			s.Advance(start + c.want)
			require.Equal(t, 1, s.Stats().Sessions, "too early")
			s.Advance(start + c.want + 2*tick)
			require.Zero(t, s.Stats().Sessions, "too late")
			requireEmpty(t, s.nat)
		})
	}
}

// playTCP passes a connection's packets. All are translated.
func playTCP(t *testing.T, s *Shard, steps []tcpStep) {
	outer := at(out4, guest.Port())
	for i, step := range steps {
		if step.d == Outward {
			src, _ := sent(t, outward(s, 1, tcpPacket(guest, remote, step.flags)))
			require.Equal(t, outer, src, i)
		} else {
			_, dst := delivered(t, inward(s, tcpPacket(remote, outer, step.flags)), 1)
			require.Equal(t, guest, dst, i)
		}
	}
}

// TestTCPBatchOrder: in one batch, control bits take effect on what follows, as
// they do one by one.
func TestTCPBatchOrder(t *testing.T) {
	s := newShardOf(t, nil)
	playTCP(t, s, []tcpStep{out(syn), in(synAck), out(ack), out(ack)})
	var batch []Packet
	for _, flags := range []uint8{ack, rst, ack, ack} {
		batch = append(batch, Packet{Frame: tcpPacket(guest, remote, flags), Zone: 1, Bare: true})
	}
	s.Outbound(batch)
	require.True(t, s.sessions.at(0).tcp.lasting())
	s.Outbound([]Packet{
		{Frame: tcpPacket(guest, remote, ack), Zone: 1, Bare: true},
		{Frame: tcpPacket(guest, remote, rst), Zone: 1, Bare: true},
	})
	require.False(t, s.sessions.at(0).tcp.lasting())

	// A session is made by the first packet of a batch, for the rest of it.
	s = newShardOf(t, nil)
	batch = nil
	for range 40 {
		batch = append(batch, Packet{Frame: udpPacket(guest, remote), Zone: 1, Bare: true})
	}
	s.Outbound(batch)
	for _, p := range batch {
		sent(t, p)
	}
	require.Equal(t, 1, s.Stats().Sessions)
}
