// SPDX-License-Identifier: MIT OR Apache-2.0

package checksums

import (
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"arcbox.dev/datapath/checksum"
)

// Offsets in bytes into an IPv4 packet without options that carries TCP (RFC 791 §3.1, RFC 9293 §3.1).
const (
	ipChecksum  = 10
	ipSource    = 12
	tcpHeader   = 20
	tcpChecksum = tcpHeader + 16
	packetLen   = 64
)

// An endpoint is the address and the port that a rewrite puts into a packet.
type endpoint struct {
	address uint32
	port    uint16
}

var (
	inside  = endpoint{0x0a000002, 40000}
	outside = endpoint{0xc6336401, 1025}
)

// tcpPacket is a packet from inside, with right checksums.
func tcpPacket() []byte {
	p := make([]byte, packetLen)
	pattern(p[tcpHeader:])
	copy(p, []byte{0x45, 0, 0, packetLen, 0, 1, 0x40, 0, 64, 6, 0, 0})
	binary.BigEndian.PutUint32(p[ipSource:], inside.address)
	binary.BigEndian.PutUint32(p[ipSource+4:], 0xcb007105)
	binary.BigEndian.PutUint16(p[tcpHeader:], inside.port)
	p[tcpHeader+12] = 5 << 4
	p[tcpChecksum], p[tcpChecksum+1] = 0, 0
	binary.BigEndian.PutUint16(p[ipChecksum:], ^slowSum(p[:tcpHeader]))
	binary.BigEndian.PutUint16(p[tcpChecksum:], ^slowSum(pseudo(p)))
	return p
}

// pseudo is the pseudo-header of RFC 9293 §3.1 and the segment, the bytes that TCP's checksum covers.
func pseudo(p []byte) []byte {
	b := append([]byte{}, p[ipSource:tcpHeader]...)
	b = append(b, 0, p[9], 0, byte(len(p)-tcpHeader))
	return append(b, p[tcpHeader:]...)
}

// rewrites lists the ways to put another source into the packet. Each is made for two endpoints, and is told with to
// which of them it shall write, the packet having the other: preparing is not in the figure.
var rewrites = []struct {
	name string
	make func(ends [2]endpoint) func(p []byte, to int)
}{
	// What a flow's rewriting costs when its deltas were added up once.
	{"arcbox-delta", func(ends [2]endpoint) func([]byte, int) {
		var network, transport [2]checksum.Delta
		for to := range ends {
			from := ends[1-to]
			network[to] = checksum.Delta(0).Add32(from.address, ends[to].address)
			transport[to] = network[to].Add16(from.port, ends[to].port)
		}
		return func(p []byte, to int) {
			h := (*[40]byte)(p)
			binary.BigEndian.PutUint16(h[ipChecksum:], network[to].Apply(binary.BigEndian.Uint16(h[ipChecksum:])))
			binary.BigEndian.PutUint16(h[tcpChecksum:], transport[to].Apply(binary.BigEndian.Uint16(h[tcpChecksum:])))
			binary.BigEndian.PutUint32(h[ipSource:], ends[to].address)
			binary.BigEndian.PutUint16(h[tcpHeader:], ends[to].port)
		}
	}},
	// The same with nothing prepared: the old fields are read from the packet, as gVisor reads them.
	{"arcbox-unprepared", func(ends [2]endpoint) func([]byte, int) {
		return func(p []byte, to int) {
			h := (*[40]byte)(p)
			network := checksum.Delta(0).Add32(binary.BigEndian.Uint32(h[ipSource:]), ends[to].address)
			transport := network.Add16(binary.BigEndian.Uint16(h[tcpHeader:]), ends[to].port)
			binary.BigEndian.PutUint16(h[ipChecksum:], network.Apply(binary.BigEndian.Uint16(h[ipChecksum:])))
			binary.BigEndian.PutUint16(h[tcpChecksum:], transport.Apply(binary.BigEndian.Uint16(h[tcpChecksum:])))
			binary.BigEndian.PutUint32(h[ipSource:], ends[to].address)
			binary.BigEndian.PutUint16(h[tcpHeader:], ends[to].port)
		}
	}},
	// The calls that gVisor's own NAT makes for a packet.
	{"gvisor", func(ends [2]endpoint) func([]byte, int) {
		var address [2]tcpip.Address
		for i, e := range ends {
			address[i] = tcpip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, e.address)))
		}
		return func(p []byte, to int) {
			ip, tcp := header.IPv4(p), header.TCP(p[tcpHeader:])
			tcp.SetSourcePortWithChecksumUpdate(ends[to].port)
			tcp.UpdateChecksumPseudoHeaderAddress(address[1-to], address[to], true)
			ip.SetSourceAddressWithChecksumUpdate(address[to])
		}
	}},
}

// BenchmarkUpdate rewrites source address, source port and both checksums of one TCP packet, outwards and back in turns.
// Each rewrite reads what the one before it wrote, so what is shown is latency.
func BenchmarkUpdate(b *testing.B) {
	for _, r := range rewrites {
		b.Run("impl="+r.name+"/proto=tcp", func(b *testing.B) {
			rewrite, p := r.make([2]endpoint{inside, outside}), tcpPacket()
			to := 0
			for b.Loop() {
				to ^= 1
				rewrite(p, to)
			}
			checkPacket(b, p, [2]endpoint{inside, outside}[to])
		})
	}
}

// TestRewritesAgree looks at the packet after each of many rewrites.
func TestRewritesAgree(t *testing.T) {
	for _, r := range rewrites {
		t.Run(r.name, func(t *testing.T) {
			p := tcpPacket()
			from := inside
			for i := range uint32(2000) {
				to := endpoint{0x0a000000 + i*2654435761>>8, uint16(i * 40503)}
				rewrite := r.make([2]endpoint{from, to})
				rewrite(p, 1)
				checkPacket(t, p, to)
				from = to
			}
		})
	}
}

// checkPacket computes both checksums anew: over bytes that hold a right one the sum is all ones.
func checkPacket(tb testing.TB, p []byte, source endpoint) {
	tb.Helper()
	got := endpoint{binary.BigEndian.Uint32(p[ipSource:]), binary.BigEndian.Uint16(p[tcpHeader:])}
	if got != source {
		tb.Fatalf("source is %+v, want %+v", got, source)
	}
	if network, transport := slowSum(p[:tcpHeader]), slowSum(pseudo(p)); network != 0xffff || transport != 0xffff {
		tb.Fatalf("wrong checksums for %+v: sums are %#04x and %#04x", source, network, transport)
	}
}
