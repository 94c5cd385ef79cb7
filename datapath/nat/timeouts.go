// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"fmt"
	"time"
)

// Timeouts are how long sessions live without packets. A zero field takes the
// default. They are kept to the second and never cut short.
type Timeouts struct {
	// TCPEstablished: 2 h 4 min, the least that RFC 5382 REQ-5 allows.
	TCPEstablished time.Duration
	// TCPTransitory: 4 min, likewise (RFC 5382 REQ-5), for connections that are
	// opening, closed on both sides, or reset (RFC 7857 §2.2).
	TCPTransitory time.Duration
	// UDP: 5 min, as RFC 4787 REQ-5 recommends.
	UDP time.Duration
	// ICMP: 60 s, the least that RFC 5508 REQ-2 allows, for queries.
	ICMP time.Duration
	// Fragment: 30 s, for what is known of a packet's fragments, and for held
	// ones.
	Fragment time.Duration
}

// ticks are the Timeouts in ticks of a second.
type ticks struct{ established, transitory, udp, icmp, fragment uint32 }

const (
	tick = time.Second
	// maxTimeout keeps sums of times within a flow's 31 bits.
	maxTimeout = 365 * 24 * time.Hour
)

func (t *Timeouts) ticks() (ticks, error) {
	var out ticks
	for _, f := range []struct {
		name       string
		value, std time.Duration
		to         *uint32
	}{
		{"TCPEstablished", t.TCPEstablished, 2*time.Hour + 4*time.Minute, &out.established},
		{"TCPTransitory", t.TCPTransitory, 4 * time.Minute, &out.transitory},
		{"UDP", t.UDP, 5 * time.Minute, &out.udp},
		{"ICMP", t.ICMP, time.Minute, &out.icmp},
		{"Fragment", t.Fragment, 30 * time.Second, &out.fragment},
	} {
		v := f.value
		if v == 0 {
			v = f.std
		}
		if v < tick || v > maxTimeout {
			return ticks{}, fmt.Errorf("nat: timeout %s is %v: give one between %v and %v", f.name, v, tick, maxTimeout)
		}
		// Rounded up, and one more, because the tick in which a packet was seen
		// may have been nearly over.
		*f.to = uint32((v+tick-1)/tick) + 1
	}
	return out, nil
}
