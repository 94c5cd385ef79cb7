// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package arcbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
)

func TestCounts(t *testing.T) {
	require.Empty(t, counts(hypervisor.Stats{}))
	require.Equal(t, []record.Value{
		{Value: 12, Unit: "exits-count"},
		{Value: 33, Unit: "disk_requests-count"}, {Value: 1230, Unit: "disk-bytes"},
		{Value: 7, Unit: "vsock_packets-count"}, {Value: 70, Unit: "vsock-bytes"},
	}, counts(hypervisor.Stats{
		Exits: map[string]uint64{"io": 5, "mmio": 7},
		Devices: map[string]map[string]uint64{
			"blk0":  {"requests": 3, "read_bytes": 1000, "written_bytes": 200, "flushes": 9},
			"blk12": {"requests": 30, "read_bytes": 30},
			"vsock": {"rx_packets": 3, "tx_packets": 4, "rx_bytes": 30, "tx_bytes": 40, "dropped": 9},
			"rng":   {"requests": 100},
		},
	}))
	require.Equal(t, []record.Value{
		{Value: 0, Unit: "vsock_packets-count"}, {Value: 0, Unit: "vsock-bytes"},
	}, counts(hypervisor.Stats{Devices: map[string]map[string]uint64{"vsock": {}}}))
}
