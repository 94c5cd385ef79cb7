// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/virtio/balloon"
	virtioconsole "arcbox.dev/runtime/virtio/console"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/vsock"
	"arcbox.dev/runtime/vmm"
	"arcbox.dev/runtime/vmm/legacy"
	"arcbox.dev/runtime/vmm/ram"
)

// machine is one VM of the kvm driver. What prepare sets does not change afterwards.
type machine struct {
	cfg         hypervisor.Config
	log         *slog.Logger
	console     *console.Console
	consoleLog  *os.File
	ram         *ram.RAM
	vm          *vmm.VM
	serial      *legacy.Serial
	powerButton int // eventfd: the interrupt of the power button
	slots       []*slot
	vsock       *vsock.Device // nil without one
	terminal    *virtioconsole.Device
	balloon     *balloon.Device
	self        *host.Self    // this process, to be looked at from within
	done        chan struct{} // closed when the vCPUs have stopped for good and exit is set

	mu      sync.Mutex
	started bool
	killed  bool
	closed  bool
	exit    hypervisor.Exit
	marks   []events.Mark
}

var (
	errNotRunning = errdefs.New(errdefs.ErrUnavailable, "", "the VM is not running")
	errNoVsock    = errdefs.New(errdefs.ErrNotSupported, "create it with a vsock device", "the VM has no vsock device")
)

// Start runs the vCPUs.
func (m *machine) Start(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started || m.closed {
		return errdefs.New(errdefs.ErrInvalid, "create another one", "a VM starts once")
	}
	if err := m.vm.Start(); err != nil {
		return fmt.Errorf("starting the vCPUs: %w", err)
	}
	m.started = true
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
	m.exit = m.classify()
	m.marks = append(m.marks, events.Mark{Name: events.Stop, At: events.Now()})
	m.mu.Unlock()
	close(m.done)
}

// classify says how the VM ended. The caller holds mu.
func (m *machine) classify() hypervisor.Exit {
	reason, detail := m.vm.Reason()
	told, known := console.Verdict(m.console.Tail())
	switch {
	case known && told.Reason == hypervisor.ExitPanic:
		return told
	case m.killed || reason == vmm.Stopped:
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
	if !m.running() {
		return errNotRunning
	}
	return m.vm.Pause(ctx)
}

// Resume lets them go on.
func (m *machine) Resume(context.Context) error {
	if !m.running() {
		return errNotRunning
	}
	return m.vm.Resume()
}

// pressInterval is the time between two presses of the power button.
const pressInterval = 200 * time.Millisecond

// Stop presses the power button, and ends the VM once ctx has ended.
func (m *machine) Stop(ctx context.Context) error {
	if !m.running() {
		return nil
	}
	if err := m.vm.Resume(); err != nil {
		return m.Kill()
	}
	// A guest that is just starting does not feel the first press.
	again := time.NewTicker(pressInterval)
	defer again.Stop()
	for {
		if err := eventfd.Signal(m.powerButton); err != nil {
			m.log.Debug("pressing the power button", "err", err)
		}
		select {
		case <-m.done:
			return nil
		case <-ctx.Done():
			return m.Kill()
		case <-again.C:
		}
	}
}

// Kill stops the vCPUs for good.
func (m *machine) Kill() error {
	m.mu.Lock()
	started := m.started
	select {
	case <-m.done:
	default:
		m.killed = true
	}
	m.mu.Unlock()
	if !started {
		return nil
	}
	m.vm.End(vmm.Stopped, "")
	<-m.done
	return nil
}

// Wait waits for the VM's end.
func (m *machine) Wait(ctx context.Context) (hypervisor.Exit, error) {
	select {
	case <-m.done:
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.exit, nil
	case <-ctx.Done():
		return hypervisor.Exit{}, context.Cause(ctx)
	}
}

func (m *machine) running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.done:
		return false
	default:
		return m.started
	}
}

// Dial connects to a port of the guest.
func (m *machine) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	if m.vsock == nil {
		return nil, errNoVsock
	}
	if !m.running() {
		return nil, errNotRunning
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-m.done:
			cancel(errNotRunning)
		case <-ctx.Done():
		}
	}()
	conn, err := m.vsock.Dial(ctx, port)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("connecting to the guest's port %d: %w", port, err)
	}
	return conn, nil
}

// Listen accepts connections of the guest.
func (m *machine) Listen(port uint32) (net.Listener, error) {
	if m.vsock == nil {
		return nil, errNoVsock
	}
	return m.vsock.Listen(port)
}

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
