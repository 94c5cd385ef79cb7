// SPDX-License-Identifier: MIT OR Apache-2.0

package nat_test

import (
	"fmt"
	"net/netip"

	"arcbox.dev/datapath/nat"
	pt "arcbox.dev/datapath/packet/packettest"
)

func Example() {
	n, err := nat.New(nat.Config{Outside: []netip.Addr{netip.MustParseAddr("203.0.113.1")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	guest, server := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("198.51.100.7")
	query := pt.Build(pt.IPv4{Src: guest, Dst: server}, pt.UDP{Src: 5000, Dst: 53}, pt.Payload("?"))
	batch := []nat.Packet{{Frame: query, Zone: 4, Bare: true}}
	n.Shard(n.ShardOf(nat.Outward, &batch[0])).Outbound(batch)
	fmt.Println(batch[0].Verdict == nat.Send, netip.AddrFrom4([4]byte(query[12:16])))

	answer := pt.Build(pt.IPv4{Src: server, Dst: netip.MustParseAddr("203.0.113.1")}, pt.UDP{Src: 53, Dst: 5000}, pt.Payload("!"))
	batch = []nat.Packet{{Frame: answer, Bare: true}}
	n.Shard(n.ShardOf(nat.Inward, &batch[0])).Inbound(batch)
	fmt.Println(batch[0].Verdict == nat.Deliver, batch[0].Zone, netip.AddrFrom4([4]byte(answer[16:20])))
	// Output:
	// true 203.0.113.1
	// true 4 10.0.0.2
}
