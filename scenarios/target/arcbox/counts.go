// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package arcbox

import (
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// deviceCounts says of which devices' counters a count is the sum. Devices are named
// by their kind and, where there may be several, a number.
var deviceCounts = []struct {
	unit     string
	kind     string
	counters []string
}{
	{target.DiskRequestsUnit, "blk", []string{"requests"}},
	{target.DiskBytesUnit, "blk", []string{"read_bytes", "written_bytes"}},
	{target.VsockPacketsUnit, "vsock", []string{"rx_packets", "tx_packets"}},
	{target.VsockBytesUnit, "vsock", []string{"rx_bytes", "tx_bytes"}},
}

// counts sums up the counters. A VM without a kind of device, or whose driver has no
// exits to count, lacks that count.
func counts(stats hypervisor.Stats) []record.Value {
	var values []record.Value
	if stats.Exits != nil {
		var exits uint64
		for _, n := range stats.Exits {
			exits += n
		}
		values = append(values, record.Value{Value: float64(exits), Unit: target.ExitsUnit})
	}
	for _, c := range deviceCounts {
		var sum uint64
		found := false
		for name, counters := range stats.Devices {
			if strings.TrimRight(name, "0123456789") != c.kind {
				continue
			}
			found = true
			for _, counter := range c.counters {
				sum += counters[counter]
			}
		}
		if found {
			values = append(values, record.Value{Value: float64(sum), Unit: c.unit})
		}
	}
	return values
}
