// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
)

// vm is a booted VM.
type vm struct {
	process *program.Process
	agent   *client.Client
	dir     string
	tool    string
	reboots bool

	requested, init, ready time.Duration // on the clock of events.Now
}

var _ target.Informer = (*vm)(nil)

// Boot starts a VM and returns when its agent has answered.
func (t *Target) Boot(ctx context.Context, content target.Content) (target.VM, error) {
	requested := events.Now()
	t.booted++
	v := &vm{
		dir: filepath.Join(t.folder.Path(), strconv.Itoa(t.booted)), tool: t.guest.Tool, reboots: t.monitor.reboots, requested: requested,
	}
	if err := os.Mkdir(v.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder for a VM: %w", err)
	}
	m := machine{
		cpus: t.config.CPUs, memory: t.config.Memory >> 20,
		kernel: t.guest.Kernel, initramfs: t.guest.with(content),
		dir: v.dir, socket: filepath.Join(v.dir, "vsock"),
	}
	if err := v.boot(ctx, t, m); err != nil {
		v.Close() // its error would hide the first
		return nil, err
	}
	return v, nil
}

// boot runs the monitor and connects to the agent.
func (v *vm) boot(ctx context.Context, t *Target, m machine) error {
	args, err := t.monitor.command(m)
	if err != nil {
		return err
	}
	vsock := hybrid(m.socket)
	ready, err := net.Listen("unix", vsock.portSocket(protocol.ReadyPort))
	if err != nil {
		return fmt.Errorf("listening for the agent: %w", err)
	}
	defer ready.Close()
	if v.process, err = program.Start(program.Command{Path: t.program, Args: args}); err != nil {
		return err
	}
	// A VM that ends before its agent answers ends the wait.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-v.process.Done():
			cancel(v.process.Why())
		case <-ctx.Done():
		}
	}()
	hello, err := client.WaitReady(ctx, ready)
	if err == nil {
		v.init = events.Now() - time.Since(hello.Received) - hello.SinceStart
		v.agent, err = client.Connect(ctx, vsock)
	}
	if err != nil {
		return v.process.Blame(ctx, err)
	}
	v.ready = events.Now()
	return nil
}

// Marks has what the agent tells: monitors do not say when the vCPUs run, and a
// kernel that boots quietly writes nothing.
func (v *vm) Marks(context.Context) []events.Mark {
	return []events.Mark{
		{Name: events.Request, At: v.requested}, {Name: events.Init, At: v.init}, {Name: events.AgentReady, At: v.ready},
	}
}

// Tool is in the guest's first root.
func (v *vm) Tool() string { return v.tool }

// Exec runs a process in the guest.
func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	return target.Exec(ctx, v.agent, args...)
}

// Info asks the guest what it is.
func (v *vm) Info(ctx context.Context) (client.Info, error) { return v.agent.Info(ctx) }

// Processes is the monitor alone.
func (v *vm) Processes(context.Context) ([]hypervisor.Process, error) {
	p, err := host.Process(v.process.PID, "vmm")
	if err != nil {
		return nil, err
	}
	return []hypervisor.Process{p}, nil
}

// Stop ends the guest in the way that ends its monitor, and waits for that.
func (v *vm) Stop(ctx context.Context) error {
	if err := v.agent.Shutdown(ctx, client.Shutdown{Reboot: v.reboots}); err != nil {
		return fmt.Errorf("shutting the guest down: %w", err)
	}
	return v.process.Wait(ctx)
}

// Close ends the monitor and removes the VM's folder.
func (v *vm) Close() error {
	if v.agent != nil {
		v.agent.Close() // nothing is left to be lost
	}
	if v.process != nil {
		v.process.Kill()
	}
	return os.RemoveAll(v.dir)
}
