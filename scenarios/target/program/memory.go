// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package program

import (
	"errors"
	"io/fs"
	"syscall"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
)

// Memory reads what processes cost the host. Those that have ended meanwhile are
// left out.
func Memory(pids []int, role func(pid int) string) ([]hypervisor.Process, error) {
	var processes []hypervisor.Process
	for _, pid := range pids {
		p, err := host.Process(pid, role(pid))
		// One that ends while it is read gives ESRCH.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		processes = append(processes, p)
	}
	return processes, nil
}
