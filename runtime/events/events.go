// SPDX-License-Identifier: MIT OR Apache-2.0

// Package events holds the named moments of a VM's life.
//
// Every moment is a reading of the host's CLOCK_MONOTONIC, which all processes of
// one host share, so marks that the command line, the VMM process and the lab took
// can be put on one line. A span is the time between two marks.
package events

import "time"

// The names of the marks that end the spans of a boot. They are fixed: reports,
// recorded results and the lab use them.
const (
	Request       = "request"        // a user asked for it
	VMMUp         = "vmm_up"         // vCPUs run
	Kernel        = "kernel"         // the kernel wrote its first byte
	Init          = "init"           // the agent ran its first instruction
	AgentReady    = "agent_ready"    // the agent answered Ping
	FirstExec     = "first_exec"     // a process in the guest has ended
	ContainerExit = "container_exit" // the container's exit status is known on the host
	Stop          = "stop"           // all processes of the VM are gone
)

// Mark is one moment.
type Mark struct {
	Name string        `json:"name"`
	At   time.Duration `json:"at"` // CLOCK_MONOTONIC
}

// Since returns the marks as time after the first mark called from. Marks before
// it are left out; without such a mark the result is empty.
func Since(marks []Mark, from string) []Mark {
	var out []Mark
	var base time.Duration
	found := false
	for _, m := range marks {
		if !found && m.Name == from {
			base, found = m.At, true
		}
		if found && m.At >= base {
			out = append(out, Mark{m.Name, m.At - base})
		}
	}
	return out
}
