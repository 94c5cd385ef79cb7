// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"pgregory.net/rapid"

	"arcbox.dev/datapath/virtq/virtqtest"
)

// drawValue draws what a guest writes to a register: mostly what makes some sense.
func drawValue(t *rapid.T, off uint64) uint32 {
	sense := map[uint64][]uint32{
		0x014: {0, 1, 2}, 0x024: {0, 1, 2}, 0x030: {0, 1, 2}, 0x044: {0, 1, 1, 2}, 0x050: {0, 1, 2},
		0x020: {0, 1, echoFeature, 1 << 28, 1 << 29, modelOffered[0], 1 << 30},
		0x038: {0, 1, 2, 12, 16, 32, 64, 128}, 0x064: {0, 1, 2, 3},
		0x070: {0, 1, 3, 11, 15, 15, 4, 8, 64, 128, 256},
		0x080: {virtqtest.Base, virtqtest.Base + 8}, 0x090: {virtqtest.Base + 4096, 1}, 0x0a0: {virtqtest.Base + 8192, virtqtest.Base + 4<<20 - 64},
		0x084: {0, 0, 0, 1}, 0x094: {0, 0, 0, 1}, 0x0a4: {0, 0, 0, 1 << 31},
	}
	if v := sense[off]; v != nil && rapid.IntRange(0, 9).Draw(t, "sense") > 0 {
		return rapid.SampledFrom(v).Draw(t, "value")
	}
	return rapid.Uint32().Draw(t, "value")
}

var writable = []uint64{
	0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064, 0x070, 0x070,
	0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0ac, 0x0c0, 0x0fc, 0x060, 0x034, 0x000,
}

// setUp is what a driver that keeps the rules writes.
var setUp = [][2]uint64{
	{0x070, 0}, {0x070, 1}, {0x070, 3}, {0x024, 1}, {0x020, 1}, {0x024, 0}, {0x020, echoFeature}, {0x070, 11},
	{0x030, 0}, {0x038, 64}, {0x080, virtqtest.Base}, {0x090, virtqtest.Base + 4096}, {0x0a0, virtqtest.Base + 8192}, {0x044, 1},
	{0x030, 1}, {0x038, 16}, {0x080, virtqtest.Base}, {0x090, virtqtest.Base + 4096}, {0x0a0, virtqtest.Base + 8192}, {0x044, 1},
	{0x070, 15},
}
