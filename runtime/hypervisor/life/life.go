// SPDX-License-Identifier: MIT OR Apache-2.0

// Package life is what a VM goes through under every driver: it starts once, is asked
// to stop, and ends once. Drivers' machines embed a Life.
package life

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// What is wrong with the time of a call.
var (
	ErrNotRunning = errdefs.New(errdefs.ErrUnavailable, "", "the VM is not running")
	ErrStarted    = errdefs.New(errdefs.ErrInvalid, "create another one", "a VM starts once")
)

// Life is a VM's. Its methods may be called from any goroutine.
type Life struct {
	done chan struct{} // closed when exit is set

	mu              sync.Mutex
	started, killed bool
	exit            hypervisor.Exit
}

// New returns the Life of a VM that has not started.
func New() *Life { return &Life{done: make(chan struct{})} }

// Begin notes that the VM runs.
func (l *Life) Begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
}

// Started says whether the VM runs or did.
func (l *Life) Started() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.started
}

// Running says whether the VM runs.
func (l *Life) Running() bool {
	select {
	case <-l.done:
		return false
	default:
		return l.Started()
	}
}

// Killed says whether the VM was killed while it ran.
func (l *Life) Killed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.killed
}

// End notes how the VM ended, once.
func (l *Life) End(exit hypervisor.Exit) {
	l.mu.Lock()
	l.exit = exit
	l.mu.Unlock()
	close(l.done)
}

// Done is closed when the VM has ended.
func (l *Life) Done() <-chan struct{} { return l.done }

// Wait waits for the VM's end and returns how it came.
func (l *Life) Wait(ctx context.Context) (hypervisor.Exit, error) {
	select {
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.exit, nil
	case <-ctx.Done():
		return hypervisor.Exit{}, context.Cause(ctx)
	}
}

// KillBy ends a VM that has started by end, and waits until it has ended.
func (l *Life) KillBy(end func()) error {
	l.mu.Lock()
	started := l.started
	select {
	case <-l.done:
	default:
		l.killed = true
	}
	l.mu.Unlock()
	if started {
		end()
		<-l.done
	}
	return nil
}

// pressInterval is the time between two presses of the power button.
const pressInterval = 200 * time.Millisecond

// Press presses the power button until the VM has ended. It returns false if ctx ends
// before.
func (l *Life) Press(ctx context.Context, log *slog.Logger, press func() error) bool {
	// A guest that is just starting does not feel the first press.
	again := time.NewTicker(pressInterval)
	defer again.Stop()
	for {
		if err := press(); err != nil {
			log.Debug("pressing the power button", "err", err)
		}
		select {
		case <-l.done:
			return true
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
}
