// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"fmt"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target"
)

// vm is a VM whose agent has answered.
type vm struct {
	*launched
	client *client.Client
	ready  time.Duration // when it answered; as other times, on the clock of events.Now
	// started is when the agent ran its first instruction; 0 if that says nothing.
	started time.Duration
}

var (
	_ target.VM       = (*vm)(nil)
	_ target.Informer = (*vm)(nil)
)

// agentStart works out when the agent started, from the agent's own clock.
func agentStart(agent *client.Client) time.Duration {
	hello := agent.Hello()
	received := events.Now() - time.Since(hello.Received)
	return received - hello.SinceStart
}

// Marks has no events.Kernel: a kernel that boots quietly writes nothing.
func (v *vm) Marks(context.Context) []events.Mark {
	marks := []events.Mark{{Name: events.Request, At: v.requested}}
	if at := v.process.stderr.cameAt(); at != 0 {
		marks = append(marks, events.Mark{Name: events.VMMUp, At: at})
	}
	if v.started != 0 {
		marks = append(marks, events.Mark{Name: events.Init, At: v.started})
	}
	return append(marks, events.Mark{Name: events.AgentReady, At: v.ready})
}

// Tool returns the path of the lab's tool, where the guest has it.
func (v *vm) Tool() string { return v.tool }

// Info asks the agent.
func (v *vm) Info(ctx context.Context) (client.Info, error) { return v.client.Info(ctx) }

// Exec runs a process in the guest.
func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	return target.Exec(ctx, v.client, args...)
}

// Processes is QEMU alone.
func (v *vm) Processes(context.Context) ([]hypervisor.Process, error) {
	p, err := host.Process(v.process.pid, "vmm")
	if err != nil {
		return nil, err
	}
	return []hypervisor.Process{p}, nil
}

// Stop powers the guest off and waits for QEMU's end.
func (v *vm) Stop(ctx context.Context) error {
	if err := v.client.Shutdown(ctx, client.Shutdown{}); err != nil {
		return fmt.Errorf("shutting the guest down: %w", err)
	}
	select {
	case <-v.process.done:
	case <-ctx.Done():
		return fmt.Errorf("waiting for QEMU's end: %w", context.Cause(ctx))
	}
	if v.process.err != nil {
		return v.process.why()
	}
	return nil
}

// Close ends QEMU.
func (v *vm) Close() error {
	v.client.Close()
	v.close()
	return nil
}
