// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package arcbox

import (
	"context"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// vm gives the runtime's VM the methods of the lab's.
type vm struct{ *core.VM }

var (
	_ target.VM       = (*vm)(nil)
	_ target.Counts   = (*vm)(nil)
	_ target.Informer = (*vm)(nil)
)

// Tool returns the path of the lab's tool, where the guest has it.
func (v *vm) Tool() string { return toolPath }

// Exec runs a process in the guest.
func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	return target.Exec(ctx, v.Agent, args...)
}

// Info asks the agent.
func (v *vm) Info(ctx context.Context) (client.Info, error) { return v.Agent.Info(ctx) }

// Processes are those of the VMM and of the guest's kernel.
func (v *vm) Processes(ctx context.Context) ([]hypervisor.Process, error) {
	stats, err := v.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return stats.Processes, nil
}

// Counts reads the counters of the driver and its devices.
func (v *vm) Counts(ctx context.Context) ([]record.Value, error) {
	stats, err := v.Stats(ctx)
	if err != nil {
		return nil, err
	}
	return counts(stats), nil
}
