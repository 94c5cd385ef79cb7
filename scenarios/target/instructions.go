// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import "context"

// The units of what a CountedVM counts of its guest's instructions. Those of the
// agent's start are known once it has answered.
const (
	GuestInstructionsUnit   = "guest_instructions-count"   // of the whole guest since its start
	AgentInstructionsUnit   = "agent_instructions-count"   // from the agent's first one until it can serve, loading modules left out
	ModulesInstructionsUnit = "modules_instructions-count" // while the agent loaded the kernel's modules
)

// CountedVM is a VM that counts; see Counts.
type CountedVM interface {
	VM
	Counts
}

// InstructionCounter is a target that boots VMs whose instructions are counted. That
// slows them down so much that it is no Booter: their times say nothing.
type InstructionCounter interface {
	Target
	// BootCounted boots a Bare VM and returns when its agent has answered. The caller
	// closes the VM.
	BootCounted(ctx context.Context) (CountedVM, error)
}
