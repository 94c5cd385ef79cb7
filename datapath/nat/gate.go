// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

// A fastGate closes the fast path for a while when few packets are found there:
// looking and not finding costs about a quarter of what a hit saves.
type fastGate struct {
	tried, hits uint32 // of the present round
	rest        uint32 // packets to go until it opens again
}

const (
	gateRound = 256  // packets until it is decided
	gateRest  = 2048 // packets
	gateShare = 4    // it stays open with one hit in so many
)

// open reports whether to try the fast path with the next n packets.
func (g *fastGate) open(n int) bool {
	if g.rest == 0 {
		return true
	}
	g.rest -= min(g.rest, uint32(n))
	return g.rest == 0
}

// note counts packets that were tried, and those of them that were found.
func (g *fastGate) note(tried, hits int) {
	g.tried += uint32(tried)
	g.hits += uint32(hits)
	if g.tried < gateRound {
		return
	}
	if g.hits*gateShare < g.tried {
		g.rest = gateRest
	}
	g.tried, g.hits = 0, 0
}
