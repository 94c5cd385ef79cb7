// SPDX-License-Identifier: MIT OR Apache-2.0

package packet

// Reason says why a frame should be dropped. It is an index for counters, not
// an error: a guest that sends rubbish must not cost an allocation.
type Reason uint8

const (
	// Accepted is no reason to drop.
	Accepted Reason = iota
	// ShortLink is a frame that ends inside its Ethernet header or VLAN tag.
	ShortLink
	// ShortNetwork is a frame that ends inside its network header.
	ShortNetwork
	// ShortExtension is an IPv6 packet that ends inside an extension header.
	ShortExtension
	// ShortTransport is a packet, or first fragment, that ends inside its
	// transport header (RFC 1858 §3, RFC 7112 §5).
	ShortTransport
	// TooLong is a frame longer than MaxFrame.
	TooLong
	// TooManyTags is a frame with more than MaxTags VLAN tags.
	TooManyTags
	// BadVersion is a version field that is not the EtherType's, or neither 4
	// nor 6.
	BadVersion
	// BadHeaderLength is an IPv4 or TCP header length below 20 bytes.
	BadHeaderLength
	// BadLength is an IPv4 total length below the header's own length.
	BadLength
	// LengthOverBuffer is a network packet that claims to be longer than its
	// frame.
	LengthOverBuffer
	// BadUDPLength is a UDP length below 8 or beyond the packet.
	BadUDPLength
	// BadOption is an option of no length, or one that leaves its header.
	BadOption
	// BadFragment is an empty fragment, one that ends beyond 65,535 bytes, one
	// that is not the last and no multiple of 8 bytes, or one that would
	// overwrite the TCP header in the first (RFC 1858 §4, RFC 3128).
	BadFragment
	// TooManyExtensions is an IPv6 packet with more than MaxExtensions
	// extension headers.
	TooManyExtensions
	// ExtensionsTooLong is an IPv6 packet with more than MaxExtensionBytes of
	// extension headers.
	ExtensionsTooLong
	// MisplacedExtension is a hop-by-hop header that is not the first, or a
	// second fragment header (RFC 8200 §4.1).
	MisplacedExtension
	// BadARP is ARP for anything but IPv4 over Ethernet.
	BadARP
	// NoQuote is a packet that is no ICMP error, where one was expected.
	NoQuote
	// QuotedError is an ICMP error about an ICMP error, which no host may send
	// (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
	QuotedError

	// Reasons is the number of reasons, for arrays of counters.
	Reasons = int(QuotedError) + 1
)

var reasonNames = [Reasons]string{
	Accepted:           "accepted",
	ShortLink:          "short link header",
	ShortNetwork:       "short network header",
	ShortExtension:     "short extension header",
	ShortTransport:     "short transport header",
	TooLong:            "frame too long",
	TooManyTags:        "too many VLAN tags",
	BadVersion:         "bad IP version",
	BadHeaderLength:    "bad header length",
	BadLength:          "total length below header length",
	LengthOverBuffer:   "length over buffer",
	BadUDPLength:       "bad UDP length",
	BadOption:          "bad option",
	BadFragment:        "bad fragment",
	TooManyExtensions:  "too many extension headers",
	ExtensionsTooLong:  "extension headers too long",
	MisplacedExtension: "misplaced extension header",
	BadARP:             "bad ARP",
	NoQuote:            "no quoted packet",
	QuotedError:        "quoted ICMP error",
}

// String names the reason in a few words, for logs and counters.
func (r Reason) String() string {
	if int(r) < Reasons {
		return reasonNames[r]
	}
	return "unknown reason"
}
