// SPDX-License-Identifier: MIT OR Apache-2.0

package acpi

import "encoding/binary"

// Who wrote the tables, padded to the fields' sizes.
const (
	oemID       = "ARCBOX"
	oemTableID  = "ARCBOXVM"
	oemRevision = 1
	creatorID   = "ARCB"
	creatorRev  = 1
)

// headerSize is the size of a description header in bytes (ACPI 6.4 §5.2.6).
const headerSize = 36

// Offsets in a description header.
const (
	lengthOffset   = 4
	checksumOffset = 9
)

// makeTable puts a description header before body.
func makeTable(signature string, revision byte, body []byte) []byte {
	le := binary.LittleEndian
	t := make([]byte, 0, headerSize+len(body))
	t = append(t, signature...)
	t = le.AppendUint32(t, uint32(headerSize+len(body)))
	t = append(t, revision, 0) // the checksum comes last
	t = append(append(t, oemID...), oemTableID...)
	t = le.AppendUint32(t, oemRevision)
	t = append(t, creatorID...)
	t = le.AppendUint32(t, creatorRev)
	t = append(t, body...)
	t[checksumOffset] = checksum(t)
	return t
}

// checksum is the byte that makes the sum of b's bytes 0.
func checksum(b []byte) (sum byte) {
	for _, c := range b {
		sum -= c
	}
	return sum
}

// Sizes of the root system description pointer in bytes: whole, and the part that
// its first checksum covers (ACPI 6.4 §5.2.5.3).
const (
	rsdpSize  = 36
	rsdp1Size = 20
)

// makeRSDP points to the XSDT; there is no RSDT.
func makeRSDP(xsdt uint64) []byte {
	r := make([]byte, rsdpSize)
	copy(r, "RSD PTR ")
	copy(r[9:], oemID)
	r[15] = 2 // revision
	binary.LittleEndian.PutUint32(r[20:], rsdpSize)
	binary.LittleEndian.PutUint64(r[24:], xsdt)
	r[8] = checksum(r[:rsdp1Size])
	r[32] = checksum(r)
	return r
}

// xsdt lists the addresses of the tables (ACPI 6.4 §5.2.8).
func xsdt(tables ...uint64) []byte {
	var body []byte
	for _, at := range tables {
		body = binary.LittleEndian.AppendUint64(body, at)
	}
	return makeTable("XSDT", 1, body)
}
