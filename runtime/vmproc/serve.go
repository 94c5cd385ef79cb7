// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// Settings is what arcbox-vmm reads from its configuration pipe.
type Settings struct {
	Driver  string            `json:"driver"`
	Config  hypervisor.Config `json:"config"`
	Debug   bool              `json:"debug,omitempty"`
	Profile string            `json:"profile,omitempty"` // as in Launcher
	// Namespaces tells that the process was started in mount, network and IPC
	// namespaces of its own (and, for an ordinary user, in a user namespace).
	Namespaces bool `json:"namespaces,omitempty"`
}

// ReadSettings reads the configuration that a Launcher wrote.
func ReadSettings(r io.Reader) (Settings, error) {
	var s Settings
	err := json.NewDecoder(io.LimitReader(r, maxFrame)).Decode(&s)
	if err != nil {
		return s, fmt.Errorf("reading the VM's configuration: %w", err)
	}
	return s, nil
}

// Server is the VMM's end of the control socket. The VM's owner is the other end.
type Server struct {
	wire
	requests chan request // closed with the socket

	mu        sync.Mutex
	cancels   map[uint64]context.CancelFunc // by request
	listeners map[uint32]net.Listener       // by port
	dials     map[uint64]chan reply         // those that wait for the owner; nil once it is gone
	last      uint64                        // the number of the last one
}

// request is what the owner asks for. Its context ends when the owner gives it up.
type request struct {
	frame *frame
	ctx   context.Context
}

// NewServer returns a server that reads from conn, which is its own from now on.
// Exactly one of Refuse and Serve follows.
func NewServer(conn *net.UnixConn) *Server {
	s := &Server{
		wire: wire{conn: conn}, requests: make(chan request),
		cancels: map[uint64]context.CancelFunc{}, listeners: map[uint32]net.Listener{}, dials: map[uint64]chan reply{},
	}
	go s.receiveAll()
	return s
}

// receiveAll hands out what the owner sends, until its end.
func (s *Server) receiveAll() {
	ctx, cancel := context.WithCancel(context.Background())
	defer s.endDials()
	defer close(s.requests)
	defer cancel()
	for {
		f, file, err := s.receive()
		switch {
		case err != nil:
			return
		case f.Method == methodConnected:
			s.connected(reply{f, file})
			continue
		case file != nil:
			file.Close() // no other request carries one
		}
		s.mu.Lock()
		if f.Method == methodCancel {
			if c := s.cancels[f.Target]; c != nil {
				c()
			}
			s.mu.Unlock()
			continue
		}
		r := request{frame: f}
		r.ctx, s.cancels[f.ID] = context.WithCancel(ctx)
		s.mu.Unlock()
		s.requests <- r
	}
}

// Refuse answers the Launcher that the VM could not be created.
func (s *Server) Refuse(err error) error {
	go discard(s.requests)
	return s.send(&frame{Err: toWire(err)}, nil)
}

func discard(requests <-chan request) {
	for range requests {
	}
}

// Serve answers requests about vm until the owner goes away, and returns then. The
// caller closes the VM next.
func (s *Server) Serve(vm hypervisor.VirtualMachine) error {
	if err := s.send(&frame{}, nil); err != nil { // created
		go discard(s.requests)
		return err
	}
	defer s.closeListeners()
	for r := range s.requests {
		go func() {
			s.answer(r.ctx, vm, r.frame)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cancels[r.frame.ID]()
			delete(s.cancels, r.frame.ID)
		}()
	}
	return nil
}

// answer carries out a request and sends its result.
func (s *Server) answer(ctx context.Context, vm hypervisor.VirtualMachine, f *frame) {
	result, file, err := s.do(ctx, vm, f)
	out := &frame{ID: f.ID, Err: toWire(err)}
	if err == nil && result != nil {
		if out.Result, err = json.Marshal(result); err != nil {
			out.Err = toWire(err)
		}
	}
	s.send(out, file) // a lost other end shows at the next receive
	if file != nil {
		file.Close()
	}
}

func (s *Server) do(ctx context.Context, vm hypervisor.VirtualMachine, f *frame) (result any, file *os.File, err error) {
	switch f.Method {
	case methodStart:
		return nil, nil, vm.Start(ctx)
	case methodPause:
		return nil, nil, vm.Pause(ctx)
	case methodResume:
		return nil, nil, vm.Resume(ctx)
	case methodStop:
		return nil, nil, vm.Stop(ctx)
	case methodKill:
		return nil, nil, vm.Kill()
	case methodWait:
		result, err = vm.Wait(ctx)
		return result, nil, err
	case methodDial:
		file, err = dial(ctx, vm, f.Port)
		return nil, file, err
	case methodListen:
		return nil, nil, s.listen(vm, f.Port)
	case methodUnlisten:
		return nil, nil, s.unlisten(f.Port)
	case methodConsole:
		file, err = console(vm)
		return nil, file, err
	case methodInput:
		file, err = input(vm)
		return nil, file, err
	case methodMemory:
		return nil, nil, vm.SetMemoryTarget(ctx, f.Bytes)
	case methodSnapshot:
		return nil, nil, vm.Snapshot(ctx, f.Dir)
	case methodStats:
		result, err = vm.Stats(ctx)
		return result, nil, err
	default:
		return nil, nil, errdefs.New(errdefs.ErrNotSupported, "use an arcbox-vmm of the same version", "arcbox-vmm does not know the request %q", f.Method)
	}
}
