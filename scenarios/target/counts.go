// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import "arcbox.dev/bench/record"

// The units of what Counts tells of any VM that has such. A target may have further
// ones, which scenarios for that target know.
const (
	ExitsUnit        = "exits-count"         // times that a vCPU left the guest
	DiskRequestsUnit = "disk_requests-count" // of all disks
	DiskBytesUnit    = "disk-bytes"          // read and written
	VsockPacketsUnit = "vsock_packets-count" // both ways
	VsockBytesUnit   = "vsock-bytes"         // payload, both ways
)

// countFloor is the change of a count that matters: nothing but a change of what
// runs changes it.
const countFloor = 0.01

// CountUnits describes them. A guest's packets are as many as its agent's answers,
// give or take an update of credit, and their size that of the times in them, which
// are shorter where they are shorter.
func CountUnits() []record.Unit {
	count := func(name string, slack float64) record.Unit {
		return record.Unit{Name: name, Better: "lower", Floor: countFloor, Slack: slack}
	}
	return []record.Unit{
		count(ExitsUnit, 0), count(DiskRequestsUnit, 0), count(DiskBytesUnit, 0), count(VsockPacketsUnit, 1), count(VsockBytesUnit, 16),
	}
}
