// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// vcpusEvent is QEMU's trace event for a change of the VM's state, and vcpusRun
// what it prints, on its standard error, when the vCPUs start.
const (
	vcpusEvent = "vm_state_notify"
	vcpusRun   = "vm_state_notify running 1"
)

// process is a running QEMU.
type process struct {
	pid     int
	console *output // what the guest writes
	stderr  *output
	done    chan struct{} // closed when it has ended
	err     error         // how, once it has
}

// connect returns the two ends of a connection: ours, and what QEMU gets of it.
func connect(what string) (net.Conn, *os.File, error) {
	syscall.ForkLock.RLock() // no other process may get them
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("making the connection to the %s: %w", what, err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), what), os.NewFile(uintptr(fds[1]), what)
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("making the connection to the %s: %w", what, err)
	}
	return conn, theirs, nil
}

// start runs QEMU and returns it with our end of the agent's connection. The files
// become QEMU's descriptors after agentFD; the caller keeps its own.
func start(program string, args []string, files ...*os.File) (*process, net.Conn, error) {
	conn, theirs, err := connect("agent")
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	p := &process{console: &output{}, stderr: &output{awaited: vcpusRun}, done: make(chan struct{})}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = p.console, p.stderr
	cmd.ExtraFiles = append([]*os.File{theirs}, files...)
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// QEMU dies with the thread that started it, so that thread lives as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("starting QEMU: %w", err)
	}
	p.pid = cmd.Process.Pid
	return p, conn, nil
}

// kill ends QEMU and waits for its end.
func (p *process) kill() {
	select {
	case <-p.done: // its number may be another process's by now
	default:
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // it may have ended this moment
		<-p.done
	}
}

// during returns a context that ends with ctx or with QEMU, and then says why QEMU
// ended. The caller calls the function when it does not need it any more.
func (p *process) during(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	released := make(chan struct{})
	go func() {
		select {
		case <-p.done:
			cancel(p.why())
		case <-released:
		}
	}()
	return ctx, sync.OnceFunc(func() {
		close(released)
		cancel(nil)
	})
}

// endGrace is how long after the loss of a connection to it QEMU's end may take to show.
const endGrace = 500 * time.Millisecond

// abandon ends QEMU after an error, and returns the reason for it that is known
// best. The context is of during.
func (p *process) abandon(ctx context.Context, err error) error {
	// The end of QEMU and the loss of a connection race; give it a moment.
	select {
	case <-ctx.Done():
	case <-time.After(endGrace):
	}
	p.kill()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// why says how QEMU ended, with the last words of it and of the guest.
func (p *process) why() error {
	text := "QEMU ended"
	if p.err != nil {
		text += ": " + p.err.Error()
	}
	for _, o := range []*output{p.stderr, p.console} {
		if line := o.lastLine(); line != "" {
			text += ": " + line
		}
	}
	return errors.New(text)
}
