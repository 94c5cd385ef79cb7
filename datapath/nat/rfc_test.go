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

// sessionCases are a first packet of each kind and the answer to it.
var sessionCases = []struct {
	name          string
	inner, remote netip.AddrPort
	first, answer func(src, dst netip.AddrPort) []byte
}{
	{"udp4", guest, remote, udpPacket, udpPacket},
	{"udp6", guest6, remote6, udpPacket, udpPacket},
	{"tcp4", guest, remote, firstSyn, firstSynAck},
	{"tcp6", guest6, remote6, firstSyn, firstSynAck},
	{"icmp4", guest, at(remote.Addr(), packet.ICMPv4Echo), echoQuery, echoReply},
	{"icmp6", guest6, at(remote6.Addr(), packet.ICMPv6Echo), echoQuery, echoReply},
}

func firstSyn(src, dst netip.AddrPort) []byte    { return tcpPacket(src, dst, syn) }
func firstSynAck(src, dst netip.AddrPort) []byte { return tcpPacket(src, dst, synAck) }
func echoQuery(src, dst netip.AddrPort) []byte   { return echo(src, dst, false) }
func echoReply(src, dst netip.AddrPort) []byte   { return echo(src, dst, true) }

// TestThereAndBack: what goes out of each of three zones with the same addresses
// comes back to that zone alone, from there alone.
func TestThereAndBack(t *testing.T) {
	for _, c := range sessionCases {
		t.Run(c.name, func(t *testing.T) {
			s := newShardOf(t, nil)
			ports := map[uint16]bool{}
			for zone := range uint16(3) {
				outer, dst := sent(t, outward(s, zone, c.first(c.inner, c.remote)))
				require.Equal(t, c.remote, dst)
				require.Equal(t, s.nat.outsideOf(zone, c.inner.Addr()), outer.Addr())
				require.False(t, ports[outer.Port()])
				ports[outer.Port()] = true

				// RFC 5382 REQ-3, RFC 4787 REQ-8: nobody else gets in.
				for _, stranger := range []netip.AddrPort{
					at(c.remote.Addr().Next(), c.remote.Port()),
					at(c.remote.Addr(), 4444),
				} {
					if stranger.Port() == 4444 && c.name[:4] == "icmp" {
						continue // which has no remote port
					}
					dropped(t, inward(s, c.answer(stranger, outer)), Unsolicited)
				}
				for range 3 { // general path, then fast path
					src, dst := delivered(t, inward(s, c.answer(c.remote, outer)), zone)
					require.Equal(t, c.remote, src)
					require.Equal(t, c.inner, dst)
				}
			}
			require.Equal(t, 3, s.Stats().Sessions)
			for zone := range uint16(3) {
				s.RemoveZone(zone)
			}
			requireEmpty(t, s.nat)
		})
	}
}

// TestEndpointIndependentMapping: RFC 4787 REQ-1, RFC 5382 REQ-1, RFC 5508 REQ-1.
func TestEndpointIndependentMapping(t *testing.T) {
	for _, c := range sessionCases {
		s := newShardOf(t, nil)
		// Zone 0 takes the port away, so that zone 1's is another one.
		sent(t, outward(s, 0, c.first(c.inner, c.remote)))
		first, _ := sent(t, outward(s, 1, c.first(c.inner, c.remote)))
		require.NotEqual(t, c.inner.Port(), first.Port())
		other := at(c.remote.Addr().Next(), c.remote.Port())
		second, _ := sent(t, outward(s, 1, c.first(c.inner, other)))
		require.Equal(t, first, second, c.name)
		require.Equal(t, 2, s.Stats().Mappings)
		require.Equal(t, 3, s.Stats().Sessions)
	}
}

// TestEndpointIndependentFiltering: with it, anybody may send to a mapping, but
// not where two share a port.
func TestEndpointIndependentFiltering(t *testing.T) {
	s := newShardOf(t, func(c *Config) {
		c.EndpointIndependentFiltering = true
		c.PortMin, c.PortMax = 6000, 6000
	})
	outer, _ := sent(t, outward(s, 1, udpPacket(guest, remote)))
	stranger := ap("198.51.100.99:9")
	delivered(t, inward(s, udpPacket(stranger, outer)), 1)
	src, _ := sent(t, outward(s, 1, udpPacket(guest, stranger)))
	require.Equal(t, outer, src)
	dropped(t, inward(s, tcpPacket(stranger, outer, syn)), Unsolicited) // TCP has no mapping

	other := ap("198.51.100.8:443")
	shared, _ := sent(t, outward(s, 2, udpPacket(guest, other)))
	require.Equal(t, outer, shared)
	dropped(t, inward(s, udpPacket(ap("198.51.100.77:9"), outer)), Unsolicited)
	delivered(t, inward(s, udpPacket(other, outer)), 2)
	delivered(t, inward(s, udpPacket(remote, outer)), 1)

	outer, _ = sent(t, outward(s, 1, tcpPacket(guest, remote, syn)))
	dropped(t, inward(s, tcpPacket(stranger, outer, ack)), Unsolicited)
	delivered(t, inward(s, tcpPacket(stranger, outer, syn)), 1)
}

// TestPairedPooling: RFC 4787 REQ-2, RFC 5382 REQ-1 (RFC 7857 §4).
func TestPairedPooling(t *testing.T) {
	s := newShardOf(t, func(c *Config) { c.Outside = []netip.Addr{out4, out4b} })
	seen := map[netip.Addr]int{}
	for zone := range uint16(4) {
		var first netip.Addr
		for i := range uint16(20) {
			src, _ := sent(t, outward(s, zone, udpPacket(at(guest.Addr(), 3000+i), remote)))
			if i == 0 {
				first = src.Addr()
				seen[first]++
			}
			require.Equal(t, first, src.Addr())
		}
	}
	require.Equal(t, map[netip.Addr]int{out4: 2, out4b: 2}, seen)
	dropped(t, outward(s, 1, udpPacket(guest6, remote6)), NoAddress)
}

// TestPortChoice: preserved if free (RFC 4787 REQ-3), privileged stays privileged,
// UDP keeps its parity (REQ-4).
func TestPortChoice(t *testing.T) {
	s := newShardOf(t, nil)
	ports := []uint16{5000, 5001, 1, 1023, 1024, 65535}
	for _, port := range ports {
		src, _ := sent(t, outward(s, 1, udpPacket(at(guest.Addr(), port), remote)))
		require.Equal(t, port, src.Port())
	}
	for _, port := range ports {
		for zone := range uint16(20) {
			src, _ := sent(t, outward(s, 2+zone, udpPacket(at(guest.Addr(), port), remote)))
			require.NotEqual(t, port, src.Port())
			require.Equal(t, port%2, src.Port()%2)
			require.Equal(t, port < 1024, src.Port() < 1024)
			require.NotZero(t, src.Port())
		}
	}
	// TCP's ports are its own.
	src, _ := sent(t, outward(s, 3, tcpPacket(guest, remote, syn)))
	require.Equal(t, guest.Port(), src.Port())
}

// TestPrivilegedPortsRunOut: then others do.
func TestPrivilegedPortsRunOut(t *testing.T) {
	s := newShardOf(t, func(c *Config) { c.MaxSessionsPerZone = 2000 })
	high := 0
	for i := range 1100 {
		src, _ := sent(t, outward(s, uint16(i), tcpPacket(at(guest.Addr(), 80), remote, syn)))
		if src.Port() >= 1024 {
			high++
		}
	}
	require.Equal(t, 1100-1023, high)
}

// TestExhaustion: ports are used up for a destination, not for all of them, and
// come back with time.
func TestExhaustion(t *testing.T) {
	s := newShardOf(t, func(c *Config) { c.PortMin, c.PortMax = 40000, 40009 })
	other := ap("198.51.100.8:443")
	for i := range uint16(10) {
		sent(t, outward(s, i, udpPacket(guest, remote)))
	}
	dropped(t, outward(s, 10, udpPacket(guest, remote)), NoPort)
	require.Zero(t, s.nat.limits.zones[10].Load())
	src, _ := sent(t, outward(s, 10, udpPacket(guest, other)))
	// Zone 10's mapping can't reach the first destination, and there is no other.
	dropped(t, outward(s, 10, udpPacket(guest, remote)), NoPort)
	delivered(t, inward(s, udpPacket(other, src)), 10)
	// With zone 3 gone its port is free for zone 10, beside the mapping it has.
	s.RemoveZone(3)
	second, _ := sent(t, outward(s, 10, udpPacket(guest, remote)))
	delivered(t, inward(s, udpPacket(remote, second)), 10)
	delivered(t, inward(s, udpPacket(other, src)), 10)
	for range 3 {
		s.Advance(s.now0() + 6*time.Minute)
	}
	requireEmpty(t, s.nat)
	sent(t, outward(s, 10, udpPacket(guest, remote)))
}

// now0 is the shard's time.
func (s *Shard) now0() time.Duration { return time.Duration(s.now-1) * tick }

// TestLimits: one zone's sessions, all zones' sessions.
func TestLimits(t *testing.T) {
	s := newShardOf(t, func(c *Config) { c.MaxSessions, c.MaxSessionsPerZone = 5, 3 })
	for i := range uint16(3) {
		sent(t, outward(s, 1, udpPacket(at(guest.Addr(), 3000+i), remote)))
	}
	dropped(t, outward(s, 1, udpPacket(guest, remote)), ZoneLimit)
	sent(t, outward(s, 1, udpPacket(at(guest.Addr(), 3000), remote))) // the old ones go on
	sent(t, outward(s, 2, udpPacket(guest, remote)))
	sent(t, outward(s, 3, udpPacket(guest, remote)))
	dropped(t, outward(s, 4, udpPacket(guest, remote)), TotalLimit)
	s.RemoveZone(1)
	sent(t, outward(s, 4, udpPacket(guest, remote)))
	require.Equal(t, 3, s.Stats().Sessions)
	require.Equal(t, uint64(1), s.Stats().Reasons[ZoneLimit])
}

// TestTimeouts of RFC 4787 REQ-5 and REQ-6, RFC 5382 REQ-5 and RFC 5508 REQ-2: no
// session goes before its time, and all go soon after.
func TestTimeouts(t *testing.T) {
	for _, c := range sessionCases {
		timeout := map[string]time.Duration{
			"udp": 5 * time.Minute, "tcp": 4 * time.Minute, "icm": time.Minute,
		}[c.name[:3]]
		for _, refresh := range []Direction{Outward, Inward} {
			s := newShardOf(t, nil)
			start := 10*time.Second + 900*time.Millisecond
			s.Advance(start)
			outer, _ := sent(t, outward(s, 1, c.first(c.inner, c.remote)))
			s.Advance(start + timeout)
			require.Equal(t, 1, s.Stats().Sessions, c.name)
			if refresh == Outward {
				sent(t, outward(s, 1, c.first(c.inner, c.remote)))
			} else {
				delivered(t, inward(s, c.answer(c.remote, outer)), 1)
			}
			s.Advance(start + 2*timeout)
			require.Equal(t, 1, s.Stats().Sessions, c.name)
			s.Advance(start + 2*timeout + 2*time.Second)
			require.Zero(t, s.Stats().Sessions, c.name)
			dropped(t, inward(s, c.answer(c.remote, outer)), Unsolicited)
			requireEmpty(t, s.nat)
		}
	}
}

// TestJump: a clock that runs years ahead, and a backlog larger than a call's work.
func TestJump(t *testing.T) {
	s := newShardOf(t, nil)
	for i := range uint16(200) {
		sent(t, outward(s, 1, udpPacket(at(guest.Addr(), 3000+i), remote)))
	}
	at, ok := s.NextExpiry()
	require.True(t, ok)
	require.LessOrEqual(t, at, 5*time.Minute+tick)
	calls := 1
	for s.Advance(100 * 365 * 24 * time.Hour) {
		calls++
	}
	require.Equal(t, 4, calls)
	requireEmpty(t, s.nat)
	_, ok = s.NextExpiry()
	require.False(t, ok)
	s.RemoveZone(zoneOutside) // no guest's: nothing happens
	s.Advance(time.Hour)      // time doesn't go back
	sent(t, outward(s, 1, udpPacket(guest, remote)))
	require.Equal(t, 1, s.Stats().Sessions)
}

// TestChecksumsOfNewSessions: a wrong checksum makes no session; on a session that
// is there it stays wrong; what is partial or trusted isn't looked at.
func TestChecksumsOfNewSessions(t *testing.T) {
	for _, c := range sessionCases {
		s := newShardOf(t, nil)
		bad := func() []byte {
			b := c.first(c.inner, c.remote)
			b[len(b)-1] ^= 0x55
			return b
		}
		dropped(t, outward(s, 1, bad()), BadChecksum)
		require.Zero(t, s.Stats().Sessions)
		sent(t, outward(s, 1, c.first(c.inner, c.remote)))
		for range 3 {
			p := outward(s, 1, bad())
			require.Equal(t, Send, p.Verdict)
			require.Error(t, pt.VerifyIP(p.Frame))
		}
		b := []Packet{{Frame: bad(), Zone: 2, Bare: true, Checksum: Trusted}}
		s.Outbound(b)
		require.Equal(t, Send, b[0].Verdict)
	}
}
