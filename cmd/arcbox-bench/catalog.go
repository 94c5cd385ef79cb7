// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"arcbox.dev/scenarios/boot"
	"arcbox.dev/scenarios/memory"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// entry is something that a user can name, with a line about it.
type entry[T any] struct {
	name, about string
	value       T
}

// scenarios are what can be measured.
var scenarios = []entry[scenario.Scenario]{
	{"boot", "cold boot: from a request to each moment up to the first process, and the stop", boot.Cold{}},
	{"memory", "what an idle VM costs the host in memory, by process and kind", memory.Idle{}},
}

// newTarget makes a target for VMs of a size.
type newTarget func(size vmSize) target.Target

// vmSize is the size of the VMs that are measured.
type vmSize struct {
	cpus   int
	memory uint64 // bytes
}

// targets are what it can be measured on. Those that are not optional are taken
// when the user names none.
var targets = []entry[newTarget]{
	{"uml:lean", "ArcBox, driver uml, our lean kernel", arcboxTarget("uml", "lean")},
	{"uml:packaged", "ArcBox, driver uml, the distribution's kernel", arcboxTarget("uml", "packaged")},
	{"qemu", "plain QEMU with the distribution's cloud kernel, by KVM where that runs kernels", qemuTarget("")},
	{"qemu:kvm", "the same, by KVM only", qemuTarget("kvm")},
	{"qemu:tcg", "the same, in software only", qemuTarget("tcg")},
}

// usualTargets are measured when the user names none.
var usualTargets = []string{"uml:lean", "uml:packaged", "qemu"}

// pick returns the entries of the given names, in that order and each once.
func pick[T any](kind string, from []entry[T], names []string) ([]entry[T], error) {
	var out []entry[T]
	for i, name := range names {
		at := slices.IndexFunc(from, func(e entry[T]) bool { return e.name == name })
		if at < 0 {
			var known []string
			for _, e := range from {
				known = append(known, e.name)
			}
			return nil, usageError{fmt.Errorf("there is no %s %q (there are %s)", kind, name, strings.Join(known, ", "))}
		}
		if !slices.Contains(names[:i], name) {
			out = append(out, from[at])
		}
	}
	return out, nil
}
