// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package process starts processes and reaps them.
//
// An init inherits every orphan, so one Reaper waits for any child and hands each
// status to whoever started the child. For the same reason os/exec is not used
// here: it waits for its children itself.
package process

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Reaper starts children and collects their statuses.
type Reaper struct {
	orphans bool
	begin   func() // starts the reaping of orphans, once
	stop    chan struct{}
	stopped sync.WaitGroup

	mu       sync.Mutex // held from before a fork until its child is in children
	children map[int]*Child
}

// NewReaper returns a Reaper. With orphans it waits for all children that this
// process has, its own and those it inherits from them, as an init must; nothing
// else may wait for children then. Without, it waits for those that it starts.
func NewReaper(orphans bool) *Reaper {
	r := &Reaper{orphans: orphans, stop: make(chan struct{}), children: make(map[int]*Child)}
	r.begin = sync.OnceFunc(func() {
		ended := make(chan os.Signal, 1)
		signal.Notify(ended, unix.SIGCHLD)
		r.stopped.Go(func() {
			defer signal.Stop(ended)
			r.reapOn(ended)
		})
	})
	return r
}

// Close stops the reaping of orphans. It does not wait for children.
func (r *Reaper) Close() {
	close(r.stop)
	r.stopped.Wait()
}

// Child is a process that a Reaper has started.
type Child struct {
	PID    int
	pidfd  int
	done   chan struct{}
	status unix.WaitStatus

	mu   sync.Mutex
	gone bool // pidfd is closed
}

// Start calls syscall.ForkExec and takes the child over. It adds to attr.Sys.
func (r *Reaper) Start(path string, argv []string, attr *syscall.ProcAttr) (*Child, error) {
	if attr.Sys == nil {
		attr.Sys = new(syscall.SysProcAttr)
	}
	c := &Child{pidfd: -1, done: make(chan struct{})}
	attr.Sys.PidFD = &c.pidfd
	if r.orphans {
		r.begin()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return nil, err
	}
	c.PID = pid
	if r.orphans {
		r.children[pid] = c
	} else {
		go c.wait()
	}
	return c, nil
}

// reapOn reaps whenever it is told that a child may have ended: one signal can stand
// for many children.
func (r *Reaper) reapOn(ended <-chan os.Signal) {
	for {
		select {
		case <-ended:
			for r.reapOne() {
			}
		case <-r.stop:
			return
		}
	}
}

func (r *Reaper) reapOne() bool {
	var status unix.WaitStatus
	pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
	if err == unix.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	r.mu.Lock()
	c := r.children[pid]
	delete(r.children, pid)
	r.mu.Unlock()
	if c != nil {
		c.end(status)
	}
	return true
}

// wait waits for this child alone.
func (c *Child) wait() {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(c.PID, &status, 0, nil)
		if err != unix.EINTR {
			break
		}
	}
	c.end(status)
}

func (c *Child) end(status unix.WaitStatus) {
	c.mu.Lock()
	c.gone = true
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
	c.mu.Unlock()
	c.status = status
	close(c.done)
}

// Done is closed when the child has ended and is reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// Status returns how the child ended; call it once Done is closed.
func (c *Child) Status() unix.WaitStatus { return c.status }

// Signal sends a signal to the child; after its end, ESRCH.
func (c *Child) Signal(sig unix.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gone:
		return unix.ESRCH
	case c.pidfd < 0: // a kernel without process descriptors
		return unix.Kill(c.PID, sig)
	}
	if err := unix.PidfdSendSignal(c.pidfd, sig, nil, 0); err != nil {
		return fmt.Errorf("sending signal %d: %w", sig, err)
	}
	return nil
}
