// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import "arcbox.dev/datapath/packet"

// Reason says why a packet was dropped or held. The lowest values are those of
// packet.Reason.
type Reason uint8

const (
	// NotIP is ARP, or another frame that isn't IP.
	NotIP Reason = Reason(packet.Reasons) + iota
	// BadZone is an outbound packet with a zone above MaxZone.
	BadZone
	// BadHeaderChecksum is a wrong IPv4 header checksum.
	BadHeaderChecksum
	// BadChecksum is a wrong transport checksum on a packet that would have made
	// a session, or in an ICMP error.
	BadChecksum
	// NoUDPChecksum is UDP over IPv6 without a checksum (RFC 8200 §8.1).
	NoUDPChecksum
	// PartialChecksum is a partial checksum where no device leaves one: in ICMP
	// and in fragments.
	PartialChecksum
	// SourceRouted is a packet with a source route (RFC 7126 §4.3, RFC 5095).
	SourceRouted
	// Martian is an address or port that no flow can have.
	Martian
	// Spoofed is a packet from outside that has one of our addresses as source.
	Spoofed
	// BadTCPFlags is SYN together with FIN or RST.
	BadTCPFlags
	// UnknownProtocol is neither TCP, UDP nor ICMP.
	UnknownProtocol
	// ICMPType is ICMP that isn't translated: neither a query from inside, nor a
	// reply from outside, nor an error about a session.
	ICMPType
	// BadQuote is an ICMP error whose addresses aren't those of what it quotes.
	BadQuote
	// NoSession is an ICMP error, or TCP from inside without SYN, of no session.
	NoSession
	// Unsolicited is a packet from outside that nobody asked for.
	Unsolicited
	// NoAddress is a packet of a family without an address outside.
	NoAddress
	// NoPort means that no port was free for the packet's destination.
	NoPort
	// Clash is a forwarded packet that the inside could not tell from those of
	// another session.
	Clash
	// ZoneLimit means that the zone has as many sessions as it may.
	ZoneLimit
	// TotalLimit means that all zones together have.
	TotalLimit
	// FragmentLimit means that too many packets of the zone are in fragments.
	FragmentLimit
	// FirstMissing is why a later fragment is held.
	FirstMissing

	// Reasons is the number of reasons, for arrays of counters.
	Reasons = int(FirstMissing) + 1
)

// Translated is the Reason of a packet that was neither dropped nor held.
const Translated = Reason(packet.Accepted)

var reasonNames = [Reasons]string{
	Translated:        "translated",
	NotIP:             "not IP",
	BadZone:           "bad zone",
	BadHeaderChecksum: "bad IPv4 header checksum",
	BadChecksum:       "bad transport checksum",
	NoUDPChecksum:     "no UDP checksum over IPv6",
	PartialChecksum:   "partial checksum of ICMP or a fragment",
	SourceRouted:      "source route",
	Martian:           "martian address or port",
	Spoofed:           "our address from outside",
	BadTCPFlags:       "bad TCP flags",
	UnknownProtocol:   "unknown protocol",
	ICMPType:          "ICMP type",
	BadQuote:          "quoted addresses differ",
	NoSession:         "no session",
	Unsolicited:       "unsolicited",
	NoAddress:         "no outside address",
	NoPort:            "no free port",
	Clash:             "clash with another session",
	ZoneLimit:         "zone's session limit",
	TotalLimit:        "session limit",
	FragmentLimit:     "fragment limit",
	FirstMissing:      "first fragment missing",
}

// String names the reason in a few words, for logs and counters.
func (r Reason) String() string {
	switch {
	case r == Translated:
		return reasonNames[r]
	case int(r) < packet.Reasons:
		return packet.Reason(r).String()
	case int(r) < Reasons:
		return reasonNames[r]
	}
	return "unknown reason"
}
