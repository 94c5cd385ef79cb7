// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

// Zones. Guests have those from 0 to MaxZone.
const (
	MaxZone = zoneHairpin - 1

	// Flows that come from outside, and those that come from inside by way of an
	// outside address. Being apart, no packet from the wire with a forged source
	// is taken for one that came by hairpin.
	zoneOutside = 0xffff
	zoneHairpin = 0xfffe
)

// Direction is where a packet goes.
type Direction uint8

const (
	// Outward is from a guest to the outside.
	Outward Direction = iota
	// Inward is from the outside to a guest.
	Inward
)

// Checksum says what is known of a packet's transport checksum.
type Checksum uint8

const (
	// Full is a checksum of which nothing is known.
	Full Checksum = iota
	// Partial is a field that holds the folded sum of the pseudo-header, not
	// complemented, for a device to complete (virtio 1.2 §5.1.6.2,
	// VIRTIO_NET_HDR_F_NEEDS_CSUM). It stays partial.
	Partial
	// Trusted is a checksum that somebody has found right
	// (VIRTIO_NET_HDR_F_DATA_VALID).
	Trusted
)

// Verdict is what to do with a packet.
type Verdict uint8

const (
	// Drop it. It is the zero Verdict.
	Drop Verdict = iota
	// Send it to the outside.
	Send
	// Deliver it to the guest of its Zone.
	Deliver
	// Handoff means that it is on its way to another guest by way of our outside
	// address, and belongs to the shard that Packet.Shard says: to be given to
	// that one's Inbound as it is.
	Handoff
	// Hold it, in a place that Packet.Slot says, until Released of this shard
	// returns the slot.
	Hold
)

// Packet is an element of a batch.
type Packet struct {
	// Frame is an Ethernet frame, or with Bare an IP packet without link header.
	// It is rewritten in place, never made longer or shorter, and not kept.
	Frame []byte
	// Zone is the guest's: given to Outbound, set by Inbound with Deliver.
	Zone uint16
	// Shard is set with Handoff.
	Shard uint16
	// Slot is set with Hold, below Config.HeldFragments.
	Slot     uint32
	Checksum Checksum
	Bare     bool
	// Hairpin is set with Handoff, and with Hold of a packet that needs Inbound
	// alone. It must be false on what comes from guests and from outside.
	Hairpin bool
	Verdict Verdict
	Reason  Reason
}

// outside returns the zone of an inward packet's flow.
func (p *Packet) outside() uint16 {
	if p.Hairpin {
		return zoneHairpin
	}
	return zoneOutside
}
