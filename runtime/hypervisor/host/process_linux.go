// SPDX-License-Identifier: MIT OR Apache-2.0

// Package host reads what the host knows of a VM's processes.
package host

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"arcbox.dev/runtime/hypervisor"
)

// Process reads the memory of a process, from its smaps_rollup (proc_pid_smaps(5)),
// and its CPU time.
func Process(pid int, role string) (hypervisor.Process, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return describe(pid, role, data, stat)
}

// describe puts together what the process's files say.
func describe(pid int, role string, rollup, stat []byte) (hypervisor.Process, error) {
	p, err := parseRollup(rollup)
	if err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	p.PID, p.Role = pid, role
	if p.CPUTime, err = parseStat(stat); err != nil {
		return hypervisor.Process{}, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return p, nil
}

func parseRollup(data []byte) (hypervisor.Process, error) {
	var p hypervisor.Process
	wanted := map[string]*uint64{"Pss": &p.PSS, "Pss_Anon": &p.Anon, "Pss_File": &p.File, "Pss_Shmem": &p.Shmem}
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		to := wanted[name]
		if to == nil {
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
		if err != nil {
			return p, fmt.Errorf("parsing %s: %w", name, err)
		}
		*to = kib << 10
		found++
	}
	if found < len(wanted) {
		return p, fmt.Errorf("found %d of %d fields", found, len(wanted))
	}
	return p, nil
}

// parseStat reads user and system time from the text of /proc/PID/stat
// (proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms).
func parseStat(b []byte) (time.Duration, error) {
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 13 {
		return 0, fmt.Errorf("%d fields behind the name are too few", len(f))
	}
	user, err1 := strconv.ParseInt(string(f[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(f[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// Descendants returns pid and all its descendants, parents first.
func Descendants(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pids[i]))
		for _, t := range threads {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[i], t.Name()))
			for _, f := range strings.Fields(string(b)) {
				if child, err := strconv.Atoi(f); err == nil {
					pids = append(pids, child)
				}
			}
		}
	}
	return pids
}
