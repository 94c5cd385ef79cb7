// SPDX-License-Identifier: MIT OR Apache-2.0

package density

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// hostAvailable is how many bytes the host could give to new processes without
// swapping: MemAvailable of proc_meminfo(5).
func hostAvailable() (uint64, error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("reading the host's available memory: %w", err)
	}
	return parseAvailable(data)
}

func parseAvailable(meminfo []byte) (uint64, error) {
	for line := range bytes.Lines(meminfo) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != "MemAvailable:" || string(fields[2]) != "kB" {
			continue
		}
		kib, err := strconv.ParseUint(string(fields[1]), 10, 54)
		if err != nil {
			return 0, fmt.Errorf("reading the host's available memory: %w", err)
		}
		return kib << 10, nil
	}
	return 0, errors.New("reading the host's available memory: /proc/meminfo does not tell it")
}
