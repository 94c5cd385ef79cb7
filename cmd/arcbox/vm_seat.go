// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"arcbox.dev/runtime/core"
	"golang.org/x/term"
)

// escapeName is the way out of a console that has the whole keyboard.
const escapeName = "Ctrl-A X"

const escapeKey = 1 // Ctrl-A

// seat is the user's place at a VM's console: what the guest writes goes to the
// standard output, and what comes from the standard input is typed.
type seat struct {
	vm      *core.VM
	state   *term.State // of the terminal before; nil where the input is none
	out     io.ReadCloser
	drained chan struct{} // closed when all that the guest wrote is out
	escaped atomic.Bool
}

// openSeat connects the standard streams with the console. A terminal is put into
// raw mode.
func openSeat(vm *core.VM) (*seat, error) {
	s := &seat{vm: vm, drained: make(chan struct{})}
	var err error
	if s.out, err = vm.Console(); err != nil {
		return nil, err
	}
	in, err := vm.ConsoleInput()
	if err != nil {
		s.out.Close()
		return nil, err
	}
	keys := io.Reader(os.Stdin)
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		fmt.Fprintln(os.Stderr, "arcbox:", escapeName, "ends the VM")
		if s.state, err = term.MakeRaw(fd); err != nil {
			s.out.Close()
			in.Close()
			return nil, err
		}
		keys = &escapeReader{keys: os.Stdin, escape: s.escape}
	}
	go func() {
		io.Copy(in, keys) // ends with the input or, at the next key, with the VM
		in.Close()
	}()
	go func() {
		io.Copy(os.Stdout, s.out)
		close(s.drained)
	}()
	return s, nil
}

func (s *seat) escape() {
	s.escaped.Store(true)
	go s.vm.Kill()
}

// ended tells whether the user ended the VM from the keyboard.
func (s *seat) ended() bool { return s.escaped.Load() }

// leave waits for the rest of the output, for a while, and gives the terminal back.
func (s *seat) leave(grace time.Duration) {
	select {
	case <-s.drained:
	case <-time.After(grace):
	}
	s.out.Close()
	if s.state != nil {
		term.Restore(int(os.Stdin.Fd()), s.state)
	}
}

// escapeReader passes on what is typed, and looks for the escape: Ctrl-A and then x.
// Ctrl-A twice is Ctrl-A.
type escapeReader struct {
	keys    io.Reader
	escape  func()
	pending bool // the last key was Ctrl-A
}

func (r *escapeReader) Read(p []byte) (int, error) {
	if len(p) < 2 {
		return 0, io.ErrShortBuffer // a key may bring the Ctrl-A before it
	}
	for {
		n, err := r.keys.Read(p[:len(p)/2])
		typed := append([]byte(nil), p[:n]...)
		out := p[:0]
		for _, key := range typed {
			switch {
			case r.pending && (key == 'x' || key == 'X'):
				r.escape()
				return len(out), io.EOF
			case r.pending && key == escapeKey:
				out = append(out, key)
				r.pending = false
			case r.pending:
				out = append(out, escapeKey, key)
				r.pending = false
			case key == escapeKey:
				r.pending = true
			default:
				out = append(out, key)
			}
		}
		if len(out) > 0 || err != nil {
			return len(out), err
		}
	}
}
