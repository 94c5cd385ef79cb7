// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
)

// kinds are the kinds of memory, each with its unit: all of it, private memory, pages
// of files such as program text, and shared memory such as the guest's.
var kinds = []struct {
	unit string
	of   func(hypervisor.Process) uint64 // bytes
}{
	{"pss-bytes", func(p hypervisor.Process) uint64 { return p.PSS }},
	{"anon-bytes", func(p hypervisor.Process) uint64 { return p.Anon }},
	{"file-bytes", func(p hypervisor.Process) uint64 { return p.File }},
	{"shmem-bytes", func(p hypervisor.Process) uint64 { return p.Shmem }},
}

// roles are those of a VM's processes (hypervisor.Process). What has another role
// counts in the sums alone.
var roles = []string{"guest", "kernel", "vmm"}

// kindUnits returns the units of byKind: the sum, which the gate judges, and its parts.
func kindUnits() []record.Unit {
	units := []record.Unit{gated(kinds[0].unit)}
	for _, k := range kinds[1:] {
		units = append(units, shown(k.unit))
	}
	for _, role := range roles {
		for _, k := range kinds {
			units = append(units, shown(role+"_"+k.unit))
		}
	}
	return units
}

// byKind sums up the processes: all of them by kind, then those of each role that
// there is.
func byKind(processes []hypervisor.Process) []record.Value {
	values := sums("", processes)
	for _, role := range roles {
		var some []hypervisor.Process
		for _, p := range processes {
			if p.Role == role {
				some = append(some, p)
			}
		}
		if len(some) > 0 {
			values = append(values, sums(role+"_", some)...)
		}
	}
	return values
}

func sums(prefix string, processes []hypervisor.Process) []record.Value {
	var values []record.Value
	for _, k := range kinds {
		var sum uint64
		for _, p := range processes {
			sum += k.of(p)
		}
		values = append(values, record.Value{Value: float64(sum), Unit: prefix + k.unit})
	}
	return values
}

// pss is the sum of the processes' PSS, in bytes.
func pss(processes []hypervisor.Process) float64 { return sums("", processes)[0].Value }
