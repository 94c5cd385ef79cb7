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

// Refuse answers the Launcher that the VM could not be created.
func Refuse(conn *net.UnixConn, err error) error {
	return (&wire{conn: conn}).send(&frame{Err: toWire(err)}, nil)
}

// Serve answers requests about vm until the other end goes away, and returns then.
// The VM's owner is that other end: the caller closes the VM next.
func Serve(conn *net.UnixConn, vm hypervisor.VirtualMachine) error {
	s := &server{wire: wire{conn: conn}, vm: vm, cancels: map[uint64]context.CancelFunc{}, listeners: map[uint32]net.Listener{}}
	if err := s.send(&frame{}, nil); err != nil { // created
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer s.closeListeners()
	for {
		f, file, err := s.receive()
		if err != nil {
			return nil
		}
		if file != nil {
			file.Close() // no request carries one
		}
		if f.Method == methodCancel {
			s.mu.Lock()
			if c := s.cancels[f.Target]; c != nil {
				c()
			}
			s.mu.Unlock()
			continue
		}
		rctx, rcancel := context.WithCancel(ctx)
		s.mu.Lock()
		s.cancels[f.ID] = rcancel
		s.mu.Unlock()
		go func() {
			s.answer(rctx, f)
			s.mu.Lock()
			delete(s.cancels, f.ID)
			s.mu.Unlock()
			rcancel()
		}()
	}
}

type server struct {
	wire
	vm hypervisor.VirtualMachine

	mu        sync.Mutex
	cancels   map[uint64]context.CancelFunc // by request
	listeners map[uint32]net.Listener       // by port
}

// answer carries out a request and sends its result.
func (s *server) answer(ctx context.Context, f *frame) {
	result, file, err := s.do(ctx, f)
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

func (s *server) do(ctx context.Context, f *frame) (result any, file *os.File, err error) {
	switch f.Method {
	case methodStart:
		return nil, nil, s.vm.Start(ctx)
	case methodPause:
		return nil, nil, s.vm.Pause(ctx)
	case methodResume:
		return nil, nil, s.vm.Resume(ctx)
	case methodStop:
		return nil, nil, s.vm.Stop(ctx)
	case methodKill:
		return nil, nil, s.vm.Kill()
	case methodWait:
		result, err = s.vm.Wait(ctx)
		return result, nil, err
	case methodDial:
		file, err = s.dial(ctx, f.Port)
		return nil, file, err
	case methodListen:
		return nil, nil, s.listen(f.Port)
	case methodUnlisten:
		return nil, nil, s.unlisten(f.Port)
	case methodConsole:
		file, err = s.console()
		return nil, file, err
	case methodMemory:
		return nil, nil, s.vm.SetMemoryTarget(ctx, f.Bytes)
	case methodSnapshot:
		return nil, nil, s.vm.Snapshot(ctx, f.Dir)
	case methodStats:
		result, err = s.vm.Stats(ctx)
		return result, nil, err
	default:
		return nil, nil, errdefs.New(errdefs.ErrNotSupported, "use an arcbox-vmm of the same version", "arcbox-vmm does not know the request %q", f.Method)
	}
}

func (s *server) dial(ctx context.Context, port uint32) (*os.File, error) {
	conn, err := s.vm.Dial(ctx, port)
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

func (s *server) listen(port uint32) error {
	l, err := s.vm.Listen(port)
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

func (s *server) unlisten(port uint32) error {
	s.mu.Lock()
	l := s.listeners[port]
	delete(s.listeners, port)
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Close()
}

func (s *server) closeListeners() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.Close()
	}
}

// console returns the reading end of a pipe into which the VM's console is copied.
func (s *server) console() (*os.File, error) {
	src, err := s.vm.Console()
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
