// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/errdefs"
	"golang.org/x/term"
)

// terminal is the user's terminal while a container has it.
type terminal struct {
	in, out int
	raw     bool // the input is a terminal to be put into raw mode
	mu      sync.Mutex
	state   *term.State
	resized chan os.Signal
}

// openTerminal looks at the standard streams. With input wanted, they must be a terminal.
func openTerminal(interactive bool) (*terminal, error) {
	t := &terminal{in: int(os.Stdin.Fd()), out: int(os.Stdout.Fd()), resized: make(chan os.Signal, 1)}
	t.raw = interactive && term.IsTerminal(t.in)
	if interactive && !t.raw {
		return nil, errdefs.New(errdefs.ErrInvalid, "leave out -t, or run it in a terminal", "the standard input is not a terminal")
	}
	return t, nil
}

// size returns the terminal's size, or the usual one where there is no terminal.
func (t *terminal) size() *client.Size {
	for _, fd := range []int{t.out, t.in} {
		if columns, rows, err := term.GetSize(fd); err == nil {
			return sizeOf(columns, rows)
		}
	}
	return sizeOf(80, 24)
}

// enter puts the terminal into raw mode and passes on its changes of size.
func (t *terminal) enter(sandbox *core.Sandbox) error {
	if t.raw {
		t.mu.Lock()
		defer t.mu.Unlock()
		var err error
		if t.state, err = term.MakeRaw(t.in); err != nil {
			return err
		}
	}
	signal.Notify(t.resized, syscall.SIGWINCH)
	go func() {
		for range t.resized {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			size := t.size()
			sandbox.Resize(ctx, size.Columns, size.Rows) // a container that just ended is no error
			cancel()
		}
	}()
	return nil
}

// restore gives the terminal back as it was. It may be called again.
func (t *terminal) restore() {
	signal.Stop(t.resized)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != nil {
		term.Restore(t.in, t.state)
		t.state = nil
	}
}
