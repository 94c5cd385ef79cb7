// SPDX-License-Identifier: MIT OR Apache-2.0

package linuxnat

import (
	"net/netip"
	"testing"

	"arcbox.dev/datapath/nat"
	"arcbox.dev/datapath/packet/packettest"
)

// How many packets ours gets at a time, as from a queue.
const (
	burstSize = 32
	minFrame  = 60 // bytes of the shortest Ethernet frame, without its check sequence
)

// ours is the cost of a packet in datapath/nat: frames of the size that Linux gets, of so many flows by turns, from a
// guest to the outside. Each is copied into its buffer first, which is in the figure.
func ours(b *testing.B, flows int) {
	translator, err := nat.New(nat.Config{Outside: []netip.Addr{netip.MustParseAddr("192.0.2.1")}})
	if err != nil {
		b.Fatal(err)
	}
	shard := translator.Shard(0)
	arriving := make([][minFrame]byte, max(flows, burstSize))
	for i := range arriving {
		frame := packettest.Build(
			packettest.Ethernet{},
			packettest.IPv4{Src: netip.MustParseAddr("10.0.2.15"), Dst: netip.MustParseAddr("198.51.100.7")},
			packettest.UDP{Src: uint16(20000 + i%flows), Dst: 9},
			make(packettest.Payload, payload))
		if copy(arriving[i][:], frame) != len(frame) {
			b.Fatalf("a frame of %d bytes", len(frame))
		}
	}
	var buffers [burstSize][minFrame]byte
	var packets [burstSize]nat.Packet
	for i := range packets {
		packets[i].Frame = buffers[i][:]
	}
	next := 0
	translate := func(n int) {
		for range (n + burstSize - 1) / burstSize {
			copy(buffers[:], arriving[next:])
			shard.Outbound(packets[:])
			next = (next + burstSize) % len(arriving)
		}
	}
	translate(64 * len(arriving)) // until all flows are known
	b.ResetTimer()
	err = onOwnThread(func() error {
		start, err := cpuTime()
		if err != nil {
			return err
		}
		translate(b.N)
		end, err := cpuTime()
		b.ReportMetric(float64((end-start).Nanoseconds())/float64(b.N), "ns/op")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	if stats := shard.Stats(); stats.Dropped != 0 || stats.Sessions != flows {
		b.Fatalf("%d packets were dropped, %d sessions made", stats.Dropped, stats.Sessions)
	}
}
