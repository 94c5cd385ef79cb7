// SPDX-License-Identifier: MIT OR Apache-2.0

package host

import (
	"os"
	"strconv"
	"strings"
)

// AvailableMemory is what the host could give without swapping, plus its free swap, in bytes.
func AvailableMemory() (uint64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	var total uint64
	for _, l := range strings.Split(string(b), "\n") {
		f := strings.Fields(l)
		if len(f) >= 2 && (f[0] == "MemAvailable:" || f[0] == "SwapFree:") {
			kib, err := strconv.ParseUint(f[1], 10, 64)
			if err != nil {
				return 0, err
			}
			total += kib << 10
		}
	}
	return total, nil
}
