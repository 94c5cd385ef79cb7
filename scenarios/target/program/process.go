// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a program that lasts. On Linux it ends, at the latest, with the lab.
type Process struct {
	PID int

	name           string
	stdout, stderr Tail
	done           chan struct{} // closed once err is there
	err            error         // how it ended
}

// Start starts the command.
func Start(c Command) (*Process, error) {
	p := &Process{name: filepath.Base(c.Path), done: make(chan struct{})}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = &p.stdout, &p.stderr
	cmd.WaitDelay = lingering
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		// The process dies with the thread that started it, so that thread lives as long.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.PID = cmd.Process.Pid
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the process's end, which is an error unless its status is 0.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.done:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of %s: %w", p.name, context.Cause(ctx))
	}
	if p.err != nil {
		return p.Why()
	}
	return nil
}

// Kill ends the process and waits for its end.
func (p *Process) Kill() {
	select {
	case <-p.done: // its number may be another process's by now
	default:
		_ = syscall.Kill(p.PID, syscall.SIGKILL) // it may have ended this moment
		<-p.done
	}
}

// Why says, once the process has ended, how it did, with its last words.
func (p *Process) Why() error {
	text := p.name + " ended"
	if p.err != nil {
		text += ": " + p.err.Error()
	}
	for _, t := range []*Tail{&p.stderr, &p.stdout} {
		if line := t.LastLine(); line != "" {
			text += ": " + line
		}
	}
	return errors.New(text)
}

// endGrace is how long the end of a process may take to show after what it led to,
// such as the loss of a connection to it.
const endGrace = 500 * time.Millisecond

// Blame returns why the process ended if it has, or does in a moment, and else err.
func (p *Process) Blame(ctx context.Context, err error) error {
	select {
	case <-p.done:
		return p.Why()
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(endGrace):
		return err
	}
}
