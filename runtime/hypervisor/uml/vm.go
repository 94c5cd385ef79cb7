// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/hypervisor/life"
	"golang.org/x/sys/unix"
)

// machine is one VM of the uml driver.
type machine struct {
	life.Vsock // its Life ends when the kernel process is gone
	cfg        hypervisor.Config
	jail       Confinement
	log        *slog.Logger
	console    *console.Console
	devices    []*served
	cpu        int      // of the host, where the guest begins; -1 for any
	input      *os.File // the writing end of the guest's console input

	mu      sync.Mutex
	typed   *os.File // the reading end, the kernel's; nil once it has it
	proc    *jailed  // nil before Start
	closed  bool
	tempDir string // ConfineLandlock: the memory file's folder
	marks   []events.Mark
}

// Start starts the kernel process.
func (m *machine) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc != nil || m.closed {
		return life.ErrStarted
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(m.cfg.Dir, "console.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		r.Close()
		w.Close()
		return fmt.Errorf("creating the console log: %w", err)
	}
	proc, fallback, err := startJail(ctx, m.jail, m.spec, m.typed, w)
	w.Close()
	if err != nil {
		r.Close()
		log.Close()
		return fmt.Errorf("starting the kernel: %w", err)
	}
	if fallback != "" {
		m.log.Warn("the kernel process is locked in less tightly", "by", proc.conf.describe(), "because", fallback)
	}
	m.typed.Close() // so that a write fails once the kernel is gone
	m.typed = nil
	m.proc = proc
	m.Begin()
	m.marks = append(m.marks, events.Mark{Name: events.VMMUp, At: events.Now()})
	go m.reap(r, log)
	go m.balance(proc.cmd.Process.Pid, m.cpu)
	return nil
}

// reap follows the console to its end and the process to its own, then records how the VM ended.
func (m *machine) reap(output, log *os.File) {
	drained := make(chan struct{})
	go func() {
		m.console.CopyFrom(output, log)
		output.Close()
		log.Close()
		close(drained)
	}()
	m.proc.cmd.Wait()
	m.proc.kill() // what is left of the jail
	select {
	case <-drained:
	case <-time.After(time.Second): // something outside holds the pipe's other end
		output.Close()
		<-drained
	}
	m.proc.life.Close()
	for _, d := range m.devices {
		d.close()
	}
	m.mu.Lock()
	m.marks = append(m.marks, events.Mark{Name: events.Stop, At: events.Now()})
	m.mu.Unlock()
	m.End(classify(m.console.Tail(), m.proc.cmd.ProcessState, m.Killed()))
}

// Stop presses the power button, and kills once ctx has ended.
func (m *machine) Stop(ctx context.Context) error {
	if !m.Running() {
		return nil
	}
	if err := m.Resume(ctx); err != nil {
		return m.Kill()
	}
	if !m.Press(ctx, m.log, m.pressPower) {
		return m.Kill()
	}
	return nil
}

// Kill ends the kernel process and waits until it is gone.
func (m *machine) Kill() error { return m.KillBy(func() { m.proc.kill() }) }

// Console follows the guest's console.
func (m *machine) Console() (io.ReadCloser, error) { return m.console.Reader(), nil }

// ConsoleInput writes to the pipe that the kernel has as its console's input.
func (m *machine) ConsoleInput() (io.WriteCloser, error) {
	w, err := duplicate(m.input)
	if err != nil {
		return nil, fmt.Errorf("opening the console's input: %w", err)
	}
	return w, nil
}

// duplicate returns a file of its own for the pipe that f is. It goes on in
// non-blocking mode, so that closing it ends a write (File.Fd would change that).
func duplicate(f *os.File) (dup *os.File, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if ctlErr := raw.Control(func(have uintptr) { fd, err = unix.FcntlInt(have, unix.F_DUPFD_CLOEXEC, 0) }); ctlErr != nil {
		return nil, ctlErr
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// SetMemoryTarget is not supported.
func (*machine) SetMemoryTarget(context.Context, uint64) error {
	return errdefs.New(errdefs.ErrNotSupported, "", "the uml driver has no memory balloon")
}

// Snapshot is not supported: the state of a UML kernel is spread over processes of the host.
func (*machine) Snapshot(context.Context, string) error {
	return errdefs.New(errdefs.ErrNotSupported, "use the kvm driver", "the uml driver cannot take snapshots")
}

// Stats reads marks, processes and device counters.
func (m *machine) Stats(context.Context) (hypervisor.Stats, error) {
	m.mu.Lock()
	s := hypervisor.Stats{Marks: append([]events.Mark(nil), m.marks...), Devices: map[string]map[string]uint64{}}
	proc := m.proc
	m.mu.Unlock()
	if first := m.console.FirstByte(); first != 0 {
		s.Marks = append(s.Marks, events.Mark{Name: events.Kernel, At: first})
	}
	for _, d := range m.devices {
		if c := d.counters(); c != nil {
			s.Devices[d.name] = c
		}
	}
	if p, err := host.Process(os.Getpid(), "vmm"); err == nil {
		s.Processes = append(s.Processes, p)
	}
	if proc == nil {
		return s, nil
	}
	for i, pid := range host.Descendants(proc.cmd.Process.Pid) {
		role := "guest"
		if i == 0 {
			role = "kernel"
		}
		if p, err := host.Process(pid, role); err == nil { // it may have ended meanwhile
			s.Processes = append(s.Processes, p)
		}
	}
	return s, nil
}

// Close ends the VM and removes what it left in its folder.
func (m *machine) Close() error {
	err := m.Kill()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	for _, d := range m.devices {
		err = errors.Join(err, d.close())
	}
	for _, end := range []*os.File{m.typed, m.input} {
		if end != nil {
			end.Close()
		}
	}
	if m.tempDir != "" {
		err = errors.Join(err, os.RemoveAll(m.tempDir))
	}
	for _, name := range []string{"s", "root"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(m.cfg.Dir, name)))
	}
	return err
}
