// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
)

// Counting is QEMU in software that counts its guest's instructions. The guest's
// time goes by them too: that, its clock and its entropy are the same at each boot.
type Counting struct{ common }

// NewCounting returns the target. The configuration's Accel is of no consequence.
func NewCounting(config Config) *Counting { return &Counting{common{config: config}} }

var _ target.InstructionCounter = (*Counting)(nil)

// instructionTime is what an instruction takes on the guest's clocks: two to the
// power of instructionShift in nanoseconds. A timer that is due after a time is due
// after so many instructions, and a guest that waits for one skips that time.
//
// One nanosecond doubles the time of a boot; with more, the timer ticks more often,
// each time at the cost of what is interrupted.
const (
	instructionShift = 1
	instructionTime  = 1 << instructionShift * time.Nanosecond
)

// countedTSCKHz is the frequency of the time-stamp counter, which counts the
// nanoseconds of the guest's clock.
const countedTSCKHz = 1e6

// countArgs has QEMU count, and leaves nothing to chance: neither the host's clock
// nor its entropy gets into the guest.
func countArgs() []string {
	return []string{
		"-icount", "shift=" + strconv.Itoa(instructionShift) + ",sleep=off",
		"-rtc", "base=2026-01-01T00:00:00,clock=vm",
		"-seed", "1",
	}
}

// Name returns "qemu:icount".
func (c *Counting) Name() string { return "qemu:" + icount }

// Prepare gets the guest and takes the first machine that boots it.
func (c *Counting) Prepare(ctx context.Context) error {
	return c.prepare(ctx, machines(icount, countedTSCKHz), func(ctx context.Context) (target.VM, error) {
		return c.BootCounted(ctx)
	})
}

// Labels tells the machine, and icount as its accelerator.
func (c *Counting) Labels() []record.Label { return c.labels() }

// Clean has nothing to do: every VM leaves nothing.
func (c *Counting) Clean() error { return nil }

// BootCounted boots a VM.
func (c *Counting) BootCounted(ctx context.Context) (target.CountedVM, error) {
	run, err := c.launch(c.guest, launchOptions{monitored: true})
	if err != nil {
		return nil, err
	}
	if err := run.ask(ctx, func(ctx context.Context, m *monitor) error { return m.greet(ctx) }); err != nil {
		return nil, err
	}
	vm, err := run.reach(ctx)
	if err != nil {
		return nil, err
	}
	return &countedVM{vm}, nil
}

type countedVM struct{ *vm }

// Counts stops the VM for a moment, so that the total is of the moment of the call,
// and asks the agent for its steps after it.
func (v *countedVM) Counts(ctx context.Context) ([]record.Value, error) {
	total, err := v.instructions(ctx)
	if err != nil {
		return nil, err
	}
	info, err := v.client.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the steps of the agent's start: %w", err)
	}
	steps, err := countSteps(info.Steps)
	if err != nil {
		return nil, err
	}
	return append([]record.Value{{Value: total, Unit: target.GuestInstructionsUnit}}, steps...), nil
}

// instructions returns how many the guest has executed.
func (v *countedVM) instructions(ctx context.Context) (float64, error) {
	if err := v.monitor.call(ctx, "stop", nil, nil); err != nil {
		return 0, err
	}
	// Also without a recording, the state of recording has the count.
	var replay struct {
		Instructions int64 `json:"icount"`
	}
	if err := v.monitor.call(ctx, "query-replay", nil, &replay); err != nil {
		return 0, err
	}
	if replay.Instructions <= 0 {
		return 0, fmt.Errorf("counting instructions: QEMU says %d", replay.Instructions)
	}
	return float64(replay.Instructions), v.monitor.call(ctx, "cont", nil, nil)
}

// The steps of the agent's start that are told apart.
const (
	stepMain     = "main"     // the Go runtime is up
	stepModules  = "modules"  // the kernel's modules are loaded
	stepPrepared = "prepared" // it can serve
)

// countSteps turns times on the guest's clock, which goes by instructions, into
// numbers of them.
func countSteps(steps []client.Step) ([]record.Value, error) {
	at := map[string]time.Duration{}
	for _, s := range steps {
		at[s.Name] = s.At
	}
	main, modules, prepared := at[stepMain], at[stepModules], at[stepPrepared]
	if main <= 0 || modules < main || prepared < modules {
		return nil, fmt.Errorf("counting instructions: the agent's steps %v are not %s, %s and %s", steps, stepMain, stepModules, stepPrepared)
	}
	loading := modules - main
	return []record.Value{
		{Value: float64((prepared - loading) / instructionTime), Unit: target.AgentInstructionsUnit},
		{Value: float64(loading / instructionTime), Unit: target.ModulesInstructionsUnit},
	}, nil
}
