// SPDX-License-Identifier: MIT OR Apache-2.0

// Package count counts what a sample costs in things that do not depend on how fast
// or how busy the machine is: system calls, context switches and page faults of this
// process and all its descendants, and this process's own allocations.
//
// A count tells of a change long before the clock does, but not every count is a
// constant: threads that wait for each other do so more or less often. Each unit
// says how far it may be trusted.
package count

import "arcbox.dev/bench/record"

// The units of a Tree.
const (
	// Syscalls are all system calls. Among them is how often threads wait for and wake
	// one another, so that between identical boots they vary by 2 % on a machine that
	// is idle, and many times over on one that is busy.
	Syscalls = "host_syscalls-count"
	// SteadySyscalls leaves out the system calls whose number is a matter of timing:
	// see unsteady. They vary by 0.2 to 0.7 %, busy or not.
	SteadySyscalls = "host_steady_syscalls-count"
	// Switches are context switches, voluntary or not.
	Switches = "host_switches-count"
	// Faults are page faults, minor and major. They vary by 0.5 %, busy or not.
	Faults = "host_faults-count"
)

// The units of a Heap. Between identical boots objects vary by 0.5 %; bytes do too,
// but for one sample in twenty in which the runtime makes a thread or grows a table.
const (
	Allocs     = "allocs-count" // objects
	AllocBytes = "alloc-bytes"
)

// The smallest relative changes that matter. Which pages of a program are touched is
// a matter of how the linker laid it out, too.
const (
	smallest       = 0.01
	smallestFaults = 0.02
)

// treeUnits are the units of a Tree, in the order of its events. Those without a
// floor are shown and not gated: they follow the machine's load.
var treeUnits = []record.Unit{
	{Name: SteadySyscalls, Better: "lower", Floor: smallest},
	{Name: Faults, Better: "lower", Floor: smallestFaults},
	{Name: Syscalls, Better: "lower"},
	{Name: Switches, Better: "lower"},
}
