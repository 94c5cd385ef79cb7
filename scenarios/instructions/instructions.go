// SPDX-License-Identifier: MIT OR Apache-2.0

// Package instructions measures how many instructions a guest executes until its
// agent answers: a boot's cost that no other work of the host and no other host
// changes.
package instructions

import (
	"context"
	"fmt"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

// Guest counts a guest's instructions from its start until its agent has answered.
type Guest struct{}

// Name returns "GuestInstructions".
func (Guest) Name() string { return "GuestInstructions" }

// Version returns 1.
func (Guest) Version() int { return 1 }

// floor is the relative change that matters. Between boots of the same guest the
// counts differ by less than a tenth of it.
const floor = 0.01

// tickSlack is how many instructions may be added to a short span by what else the
// guest does then: any change of the guest moves the ticks of its timer, and with
// them other tasks, into or out of the span.
const tickSlack = 150_000

// Units returns the total first, then the parts of the agent's start.
func (Guest) Units() []record.Unit {
	return []record.Unit{
		{Name: target.GuestInstructionsUnit, Better: "lower", Floor: floor},
		{Name: target.AgentInstructionsUnit, Better: "lower", Floor: floor, Slack: tickSlack},
		{Name: target.ModulesInstructionsUnit, Better: "lower", Floor: floor, Slack: tickSlack},
	}
}

// Check wants a target that counts instructions.
func (Guest) Check(t target.Target) error {
	if _, ok := t.(target.InstructionCounter); !ok {
		return fmt.Errorf("target %s does not count its guest's instructions", t.Name())
	}
	return nil
}

// Run boots a VM and counts.
func (g Guest) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	if err := g.Check(t); err != nil {
		return nil, err
	}
	vm, err := t.(target.InstructionCounter).BootCounted(ctx)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	return target.Sample(vm, func() ([]record.Value, error) {
		values, err := vm.Counts(ctx)
		if err != nil {
			return nil, fmt.Errorf("counting: %w", err)
		}
		if _, ok := (record.Sample{Values: values}).Value(target.GuestInstructionsUnit); !ok {
			return nil, fmt.Errorf("the target did not count %s", target.GuestInstructionsUnit)
		}
		return values, nil
	})
}
