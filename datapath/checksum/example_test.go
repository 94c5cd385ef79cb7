// SPDX-License-Identifier: MIT OR Apache-2.0

package checksum_test

import (
	"encoding/binary"
	"fmt"

	"arcbox.dev/datapath/checksum"
)

// A UDP datagram over IPv4 is summed with its pseudo-header: addresses, protocol
// and length. NAT then changes its source address and port by one Delta.
func Example() {
	addresses := []byte{192, 0, 2, 1, 198, 51, 100, 7}
	datagram := []byte{0x30, 0x39, 0x00, 0x35, 0x00, 0x0a, 0x00, 0x00, 'h', 'i'}
	const protocolUDP = 17
	pseudo := func() uint16 {
		return checksum.Sum(addresses, checksum.Fold(uint64(protocolUDP+len(datagram))))
	}
	binary.BigEndian.PutUint16(datagram[6:], checksum.Checksum(datagram, pseudo()))
	fmt.Println("arrived right:", checksum.Checksum(datagram, pseudo()) == 0)

	flow := checksum.Delta(0).
		Add32(0xc0000201, 0xcb007109). // 192.0.2.1 becomes 203.0.113.9
		Add16(12345, 40000)
	copy(addresses, []byte{203, 0, 113, 9})
	binary.BigEndian.PutUint16(datagram, 40000)
	binary.BigEndian.PutUint16(datagram[6:], flow.ApplyUDP(binary.BigEndian.Uint16(datagram[6:])))
	fmt.Println("leaves right:", checksum.Checksum(datagram, pseudo()) == 0)
	// Output:
	// arrived right: true
	// leaves right: true
}
