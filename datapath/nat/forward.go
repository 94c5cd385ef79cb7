// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"fmt"
	"net/netip"

	"arcbox.dev/datapath/packet"
)

// Forward lets the outside reach a guest (static DNAT): packets to Outside, an
// address of the pool, go to Inside in Zone. What the guest sends from there
// itself goes out from Outside, if that is its zone's address.
type Forward struct {
	Protocol uint8 // packet.ProtocolTCP or packet.ProtocolUDP
	Outside  netip.AddrPort
	Zone     uint16
	Inside   netip.AddrPort
}

// forwards is a snapshot of all of them, never changed. The keys of both maps
// are endpoints, as are the values of in.
type forwards struct {
	in  map[packet.Key]Forward        // by outside
	out map[packet.Key]netip.AddrPort // by inside
}

// SetForwards replaces all forwards, or returns an error and changes nothing. Any
// goroutine may call it; shards see it with their next batch.
//
// Sessions that exist go on as long as their packets reach the same shard; where
// a forward comes, goes or changes its inner port, those of its outside port may
// reach another one from then on.
func (n *NAT) SetForwards(list []Forward) error {
	f := &forwards{in: map[packet.Key]Forward{}, out: map[packet.Key]netip.AddrPort{}}
	for i, w := range list {
		if err := n.checkForward(&w); err != nil {
			return fmt.Errorf("nat: forward %d of %v: %w", i, w.Outside, err)
		}
		k := endpoint(w.Protocol, w.Outside, zoneOutside)
		if _, twice := f.in[k]; twice {
			return fmt.Errorf("nat: forward %d of %v: the port is forwarded twice: remove one", i, w.Outside)
		}
		f.in[k] = w
		inside := endpoint(w.Protocol, w.Inside, w.Zone)
		if _, twice := f.out[inside]; !twice {
			f.out[inside] = w.Outside
		}
	}
	n.forwards.Store(f)
	return nil
}

func (n *NAT) checkForward(w *Forward) error {
	_, ours := n.pool[w.Outside.Addr()]
	in := w.Inside.Addr()
	switch {
	case w.Protocol != packet.ProtocolTCP && w.Protocol != packet.ProtocolUDP:
		return fmt.Errorf("protocol %d: give TCP (6) or UDP (17)", w.Protocol)
	case !ours:
		return fmt.Errorf("the address is not in the pool: give one that is")
	case w.Zone > MaxZone:
		return fmt.Errorf("zone %d: give one up to %d", w.Zone, MaxZone)
	case !in.IsValid() || in.Zone() != "" || martian(in) || in.Is4() != w.Outside.Addr().Is4():
		return fmt.Errorf("inside address %v: give a unicast address of the outside's family", in)
	case w.Outside.Port() == 0 || w.Inside.Port() == 0:
		return fmt.Errorf("port 0: give ports from 1 to 65535")
	}
	return nil
}

// reserves reports whether an outside port is a forward's.
func (f *forwards) reserves(protocol uint8, outside netip.Addr, port uint16) bool {
	if len(f.in) == 0 {
		return false
	}
	_, ok := f.in[endpoint(protocol, netip.AddrPortFrom(outside, port), zoneOutside)]
	return ok
}

// inward returns the forward of an inward flow.
func (f *forwards) inward(k *packet.Key) (Forward, bool) {
	if len(f.in) == 0 {
		return Forward{}, false
	}
	w, ok := f.in[endpoint(k.Protocol(), netip.AddrPortFrom(k.DstAddr(), k.DstPort()), zoneOutside)]
	return w, ok
}

// outward returns the outside port of the forward to an outward flow's source.
func (f *forwards) outward(k *packet.Key) (netip.AddrPort, bool) {
	if len(f.out) == 0 {
		return netip.AddrPort{}, false
	}
	a, ok := f.out[innerEndpoint(k)]
	return a, ok
}
