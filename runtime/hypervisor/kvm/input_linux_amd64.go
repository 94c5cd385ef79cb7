// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"io"
	"os"
	"sync"

	"arcbox.dev/runtime/virtio/console"
)

// ConsoleInput writes to the virtio console where the guest has a driver for it, and
// to the serial port otherwise.
func (m *machine) ConsoleInput() (io.WriteCloser, error) {
	return &input{m: m, terminal: m.terminal.Input(), closed: make(chan struct{})}, nil
}

// input is a writer of what is typed.
type input struct {
	m        *machine
	terminal *console.Input
	closed   chan struct{}
	once     sync.Once
}

func (in *input) Write(p []byte) (int, error) {
	if in.m.terminalActive() {
		return in.terminal.Write(p)
	}
	for written := 0; ; {
		room := in.m.serial.Room()
		written += in.m.serial.Input(p[written:])
		if written == len(p) {
			return written, nil
		}
		select {
		case <-room:
		case <-in.closed:
			return written, os.ErrClosed
		case <-in.m.Done():
			return written, io.ErrClosedPipe
		}
	}
}

func (in *input) Close() error {
	in.once.Do(func() { close(in.closed) })
	return in.terminal.Close()
}

// terminalActive tells whether the guest has a driver for the virtio console.
func (m *machine) terminalActive() bool {
	for _, s := range m.slots {
		if s.device == m.terminal && s.transport != nil {
			return s.transport.Active()
		}
	}
	return false
}
