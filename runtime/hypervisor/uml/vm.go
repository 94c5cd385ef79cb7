// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/virtio/vsock"
	"golang.org/x/sys/unix"
)

// machine is one VM of the uml driver.
type machine struct {
	cfg     hypervisor.Config
	jail    Confinement
	log     *slog.Logger
	console *console.Console
	devices []*served
	vsock   *vsock.Device // nil without one
	cpu     int           // of the host, where the guest begins; -1 for any
	done    chan struct{} // closed when the kernel process is gone and exit is set
	input   *os.File      // the writing end of the guest's console input

	mu      sync.Mutex
	typed   *os.File // the reading end, the kernel's; nil once it has it
	proc    *jailed  // nil before Start
	killed  bool
	closed  bool
	tempDir string // ConfineLandlock: the memory file's folder
	exit    hypervisor.Exit
	marks   []events.Mark
}

var errNotRunning = errdefs.New(errdefs.ErrUnavailable, "", "the VM is not running")

// Start starts the kernel process.
func (m *machine) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc != nil || m.closed {
		return errdefs.New(errdefs.ErrInvalid, "create another one", "a VM starts once")
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
	m.exit = classify(m.console.Tail(), m.proc.cmd.ProcessState, m.killed)
	m.marks = append(m.marks, events.Mark{Name: events.Stop, At: events.Now()})
	m.mu.Unlock()
	close(m.done)
}

// Stop presses the power button, and kills once ctx has ended.
func (m *machine) Stop(ctx context.Context) error {
	if !m.running() {
		return nil
	}
	if err := m.Resume(ctx); err != nil {
		return m.Kill()
	}
	// A guest that is just starting does not hear the first press.
	again := time.NewTicker(pressInterval)
	defer again.Stop()
	for {
		if err := m.pressPower(); err != nil {
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

// pressInterval is the time between two presses of the power button.
const pressInterval = 200 * time.Millisecond

// Kill ends the kernel process and waits until it is gone.
func (m *machine) Kill() error {
	m.mu.Lock()
	proc := m.proc
	select {
	case <-m.done:
	default:
		m.killed = true
	}
	m.mu.Unlock()
	if proc == nil {
		return nil
	}
	proc.kill()
	<-m.done
	return nil
}

// Wait waits for the kernel process to be gone.
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
		return m.proc != nil
	}
}

var errNoVsock = errdefs.New(errdefs.ErrNotSupported, "create it with a vsock device", "the VM has no vsock device")

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
