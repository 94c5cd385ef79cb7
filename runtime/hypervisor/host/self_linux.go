// SPDX-License-Identifier: MIT OR Apache-2.0

package host

import (
	"errors"
	"fmt"
	"io"
	"os"

	"arcbox.dev/runtime/hypervisor"
)

// Self reads what the host knows of the calling process by files that are open
// already: a process that has locked itself in opens none.
type Self struct{ memory, stat *os.File }

// OpenSelf opens the files. The caller closes them.
func OpenSelf() (*Self, error) {
	memory, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		return nil, fmt.Errorf("opening the figures of this process: %w", err)
	}
	stat, err := os.Open("/proc/self/stat")
	if err != nil {
		memory.Close()
		return nil, fmt.Errorf("opening the figures of this process: %w", err)
	}
	return &Self{memory, stat}, nil
}

// Process reads the memory and the CPU time of the calling process.
func (s *Self) Process(role string) (hypervisor.Process, error) {
	memory, err := readWhole(s.memory)
	if err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the memory of this process: %w", err)
	}
	stat, err := readWhole(s.stat)
	if err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the CPU time of this process: %w", err)
	}
	return describe(os.Getpid(), role, memory, stat)
}

// Close closes the files.
func (s *Self) Close() error { return errors.Join(s.memory.Close(), s.stat.Close()) }

// readWhole reads a file of /proc from its start, where the kernel writes it anew.
func readWhole(f *os.File) ([]byte, error) {
	const most = 64 << 10 // bytes; these files have two or three KiB
	return io.ReadAll(io.NewSectionReader(f, 0, most))
}
