// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"arcbox.dev/runtime/core"
)

// signalError is why a run was given up: the user's signal.
type signalError syscall.Signal

func (s signalError) Error() string { return fmt.Sprintf("interrupted by %v", syscall.Signal(s)) }

// patience is how many times Ctrl-C or SIGTERM is passed on to a container that
// does not end; the next one ends the VM.
const patience = 2

// signals catches what would end arcbox: before the container runs it ends the
// boot, and then it goes to the container.
type signals struct {
	c      chan os.Signal
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	sandbox *core.Sandbox
}

func catchSignals(cancel context.CancelCauseFunc) *signals {
	s := &signals{c: make(chan os.Signal, 16), cancel: cancel}
	signal.Notify(s.c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	signal.Ignore(syscall.SIGPIPE)
	go s.serve()
	return s
}

func (s *signals) forward(sandbox *core.Sandbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sandbox = sandbox
}

func (s *signals) stop() {
	signal.Stop(s.c)
	close(s.c)
}

func (s *signals) serve() {
	asked := 0
	for sig := range s.c {
		sig := sig.(syscall.Signal)
		s.mu.Lock()
		sandbox := s.sandbox
		s.mu.Unlock()
		ends := sig == syscall.SIGINT || sig == syscall.SIGTERM
		if ends {
			asked++
		}
		if sandbox == nil && (ends || sig == syscall.SIGHUP || sig == syscall.SIGQUIT) || asked > patience {
			s.cancel(signalError(sig))
			continue
		}
		if sandbox != nil {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			sandbox.Signal(ctx, int(sig)) // a container that just ended is no error
			cancel()
		}
	}
}
