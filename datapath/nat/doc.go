// SPDX-License-Identifier: MIT OR Apache-2.0

// Package nat translates addresses and ports of packets in place, between
// guests on the inside, each in a zone of its own, and the outside (RFC 3022's
// NAPT). Guests may all have the same addresses.
//
// A Session is a pair of flows: what the inside sends to a remote, and what the
// remote sends back. Each flow rewrites one address and one port, and both
// checksums by differences worked out once (RFC 1624). Sessions of one inner
// address and port share a mapping, its port on the outside (RFC 4787 REQ-1,
// RFC 5382 REQ-1), which lives as long as the last of them. Unless the
// configuration says otherwise only packets of known sessions come in
// (address-and-port-dependent filtering); a Forward lets in more.
//
// A packet is looked for in three places: 256 directly mapped entries for plain
// IPv4 (fast.go), the table of all flows, in passes over a batch so that memory
// is fetched early (batch.go), and then the slow path, which makes sessions and
// deals with ICMP, fragments and TCP's control bits (slow.go).
//
// A NAT consists of shards, each for one goroutine at a time. Both directions of
// a session belong to one shard, which follows from the ports alone: ports of the
// outside are only given out by the shard that they belong to (ports.go). Shared
// are the forwards, an immutable snapshot; the counters behind the limits; and
// the fragment cache, under a mutex that no other lock is taken under.
//
// Guests and the outside are hostile. What they send is translated, or dropped
// and counted by reason; it never allocates but for a new chunk of sessions.
//
// What this NAT doesn't do: TCP windows aren't tracked, so whoever knows a
// connection's addresses and ports can reset its timer; payloads aren't looked
// into (no ALG, RFC 4787 §7); the hop limit is the router's to count down;
// identifications of IPv4 packets aren't made unique among guests (see RFC
// 6864). Destinations that a guest may not reach are a firewall's business.
package nat
