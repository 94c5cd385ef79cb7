// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/hypervisor/life"
	"arcbox.dev/runtime/virtio/balloon"
	virtioconsole "arcbox.dev/runtime/virtio/console"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/vmm"
	"arcbox.dev/runtime/vmm/legacy"
	"arcbox.dev/runtime/vmm/ram"
)

// machine is one VM of the kvm driver. What prepare sets does not change afterwards.
type machine struct {
	life.Vsock  // its Life ends when the vCPUs have stopped for good
	cfg         hypervisor.Config
	log         *slog.Logger
	console     *console.Console
	consoleLog  *os.File
	ram         *ram.RAM
	vm          *vmm.VM
	serial      *legacy.Serial
	powerButton int // eventfd: the interrupt of the power button
	slots       []*slot
	terminal    *virtioconsole.Device
	balloon     *balloon.Device
	self        *host.Self // this process, to be looked at from within

	mu     sync.Mutex
	closed bool
	marks  []events.Mark
}

// Start runs the vCPUs.
func (m *machine) Start(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Started() || m.closed {
		return life.ErrStarted
	}
	if err := m.vm.Start(); err != nil {
		return fmt.Errorf("starting the vCPUs: %w", err)
	}
	m.Begin()
	m.marks = append(m.marks, events.Mark{Name: events.VMMUp, At: events.Now()})
	go m.reap()
	return nil
}

// reap waits for the vCPUs' end, stops the devices, and records how the VM ended.
func (m *machine) reap() {
	<-m.vm.Done()
	m.stopDevices()
	m.serial.Flush()
	m.console.Close()
	m.mu.Lock()
	m.marks = append(m.marks, events.Mark{Name: events.Stop, At: events.Now()})
	m.mu.Unlock()
	m.End(m.classify())
}

// classify says how the VM ended.
func (m *machine) classify() hypervisor.Exit {
	reason, detail := m.vm.Reason()
	told, known := console.Verdict(m.console.Tail())
	switch {
	case known && told.Reason == hypervisor.ExitPanic:
		return told
	case m.Killed() || reason == vmm.Stopped:
		return hypervisor.Exit{Reason: hypervisor.ExitKilled}
	case reason == vmm.PowerOff:
		return hypervisor.Exit{Reason: hypervisor.ExitPowerOff}
	case reason == vmm.Reset:
		return hypervisor.Exit{Reason: hypervisor.ExitReboot}
	case reason == vmm.Halted && known && told.Reason == hypervisor.ExitPowerOff:
		// A kernel that knows no way to power off says that it does, and halts.
		return told
	}
	text := string(reason)
	if detail != "" {
		text += ": " + detail
	}
	if last := console.LastLine(m.console.Tail()); last != "" {
		text += "; the guest's last line: " + last
	}
	return hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: text}
}

func (m *machine) stopDevices() {
	for _, s := range m.slots {
		if s.transport != nil {
			s.transport.Close()
		}
	}
	m.terminal.Close()
}

// Pause stops every vCPU.
func (m *machine) Pause(ctx context.Context) error {
	if !m.Running() {
		return life.ErrNotRunning
	}
	return m.vm.Pause(ctx)
}

// Resume lets them go on.
func (m *machine) Resume(context.Context) error {
	if !m.Running() {
		return life.ErrNotRunning
	}
	return m.vm.Resume()
}

// Stop presses the power button, and ends the VM once ctx has ended.
func (m *machine) Stop(ctx context.Context) error {
	if !m.Running() {
		return nil
	}
	if err := m.vm.Resume(); err != nil {
		return m.Kill()
	}
	if !m.Press(ctx, m.log, func() error { return eventfd.Signal(m.powerButton) }) {
		return m.Kill()
	}
	return nil
}

// Kill stops the vCPUs for good.
func (m *machine) Kill() error { return m.KillBy(func() { m.vm.End(vmm.Stopped, "") }) }

// Console follows the guest's console.
func (m *machine) Console() (io.ReadCloser, error) { return m.console.Reader(), nil }

// Close ends the VM and frees all it has.
func (m *machine) Close() error {
	err := m.Kill()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	if m.vm != nil {
		err = errors.Join(err, m.vm.Close()) // before the memory that its guests see
	}
	for _, s := range m.slots {
		err = errors.Join(err, s.close())
		if s.mirror != nil {
			err = errors.Join(err, guestmem.Unmap(s.mirror))
		}
	}
	m.console.Close()
	if m.consoleLog != nil {
		err = errors.Join(err, m.consoleLog.Close())
	}
	if m.ram != nil {
		err = errors.Join(err, m.ram.Close())
	}
	if m.self != nil {
		err = errors.Join(err, m.self.Close())
	}
	return err
}
