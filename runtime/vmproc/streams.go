// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"context"
	"io"
	"net"
	"os"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

func dial(ctx context.Context, vm hypervisor.VirtualMachine, port uint32) (*os.File, error) {
	conn, err := vm.Dial(ctx, port)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return descriptor(conn)
}

// descriptor duplicates a connection's descriptor; the original may be closed.
func descriptor(conn net.Conn) (*os.File, error) {
	c, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errdefs.New(errdefs.ErrNotSupported, "", "a %T has no descriptor to hand over", conn)
	}
	return c.File()
}

func (s *Server) listen(vm hypervisor.VirtualMachine, port uint32) error {
	l, err := vm.Listen(port)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.listeners[port] = l
	s.mu.Unlock()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if file, err := descriptor(conn); err == nil {
				s.send(&frame{Event: eventAccepted, Port: port}, file)
				file.Close()
			}
			conn.Close()
		}
	}()
	return nil
}

func (s *Server) unlisten(port uint32) error {
	s.mu.Lock()
	l := s.listeners[port]
	delete(s.listeners, port)
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Close()
}

func (s *Server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.Close()
	}
}

// console returns the reading end of a pipe into which the VM's console is copied.
func console(vm hypervisor.VirtualMachine) (*os.File, error) {
	src, err := vm.Console()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		src.Close()
		return nil, err
	}
	go func() {
		io.Copy(w, src)
		w.Close()
		src.Close()
	}()
	return r, nil
}

// input returns the writing end of a pipe that is copied to the VM's console.
func input(vm hypervisor.VirtualMachine) (*os.File, error) {
	dst, err := vm.ConsoleInput()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		dst.Close()
		return nil, err
	}
	go func() {
		io.Copy(dst, r)
		r.Close() // from here on a write of the other end fails
		dst.Close()
	}()
	return w, nil
}
