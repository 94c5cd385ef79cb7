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

// Boot starts a VM and returns when its agent has answered.
func (t *Target) Boot(ctx context.Context) (target.VM, error) {
	requested := events.Now()
	p, conn, err := start(t.program, t.machine.args(t.config, t.guest))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// A VM that ends before its agent answers ends the wait.
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-p.done:
			cancel(p.why())
		case <-stop:
		}
	}()
	agent, err := client.NewOverStream(ctx, conn)
	if err != nil {
		// The end of QEMU and the loss of the connection race; give it a moment.
		select {
		case <-ctx.Done():
		case <-time.After(endGrace):
		}
		p.kill()
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("connecting to the agent: %w", err)
	}
	return &vm{process: p, agent: agent, requested: requested, ready: events.Now()}, nil
}

// endGrace is how long after the loss of its connection QEMU's end may take to show.
const endGrace = 500 * time.Millisecond

// vm is a booted VM.
type vm struct {
	process          *process
	agent            *client.Client
	requested, ready time.Duration // on the clock of events.Now
}

// Marks has no events.Kernel: a kernel that boots quietly writes nothing.
func (v *vm) Marks(context.Context) []events.Mark {
	marks := []events.Mark{{Name: events.Request, At: v.requested}}
	if at := v.process.stderr.cameAt(); at != 0 {
		marks = append(marks, events.Mark{Name: events.VMMUp, At: at})
	}
	hello := v.agent.Hello()
	received := events.Now() - time.Since(hello.Received)
	return append(marks,
		events.Mark{Name: events.Init, At: received - hello.SinceStart},
		events.Mark{Name: events.AgentReady, At: v.ready})
}

// Exec runs a process in the guest.
func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	return target.Exec(ctx, v.agent, args...)
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
	if err := v.agent.Shutdown(ctx, client.Shutdown{}); err != nil {
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
	v.agent.Close()
	v.process.kill()
	return nil
}
