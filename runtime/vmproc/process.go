// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// process is a VM behind the control socket of its arcbox-vmm.
type process struct {
	wire
	cmd      *exec.Cmd
	logPath  string
	remotes  []hypervisor.Remote // to whose sockets the VMM may ask to be connected
	connects chan struct{}       // holds one for each connection that is being made
	first    chan error          // the first frame: created, or why not
	gone     chan struct{}       // closed when the VMM process is gone and lost is set

	mu        sync.Mutex
	next      uint64
	pending   map[uint64]chan reply
	listeners map[uint32]*listener
	lost      error // what requests get once the socket is closed
}

type reply struct {
	frame *frame
	file  *os.File
}

func newProcess(cmd *exec.Cmd, conn *net.UnixConn, logPath string, remotes []hypervisor.Remote) *process {
	p := &process{
		wire: wire{conn: conn}, cmd: cmd, logPath: logPath, remotes: remotes,
		connects: make(chan struct{}, maxConnects), first: make(chan error, 1), gone: make(chan struct{}),
		pending: map[uint64]chan reply{}, listeners: map[uint32]*listener{},
	}
	go p.receiveAll()
	return p
}

// created waits for the VMM to say that it made the VM.
func (p *process) created(ctx context.Context) error {
	select {
	case err := <-p.first:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receiveAll hands out what the VMM sends, until its end.
func (p *process) receiveAll() {
	first := true
	for {
		f, file, err := p.receive()
		if err != nil {
			break
		}
		if f.Event == eventConnect {
			if file != nil {
				file.Close()
			}
			p.connect(f)
			continue
		}
		if first {
			first = false
			p.first <- f.Err.error()
			continue
		}
		p.hand(reply{f, file})
	}
	p.conn.Close() // the VMM ends itself on this
	p.cmd.Wait()
	err := errdefs.New(errdefs.ErrUnavailable, "", "the VMM process ended (%s)%s", p.cmd.ProcessState, p.lastWords())
	p.mu.Lock()
	p.lost = err
	pending := p.pending
	p.pending = nil
	for _, l := range p.listeners {
		l.end()
	}
	p.mu.Unlock()
	for _, c := range pending {
		close(c)
	}
	if first {
		p.first <- err
	}
	close(p.gone)
}

func (p *process) hand(r reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.frame.Event == eventAccepted {
		if l := p.listeners[r.frame.Port]; l != nil && r.file != nil {
			l.deliver(r.file)
			return
		}
	} else if c := p.pending[r.frame.ID]; c != nil {
		delete(p.pending, r.frame.ID)
		c <- r // has room for it
		return
	}
	if r.file != nil {
		r.file.Close()
	}
}

// lastWords is the first line that a VMM process which died left in its log.
func (p *process) lastWords() string {
	f, err := os.Open(p.logPath)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 512))
	if line := firstLine(string(b)); line != "" {
		return ": " + line
	}
	return ""
}

// call sends a request and waits for its answer. result may be nil.
func (p *process) call(ctx context.Context, f *frame, result any) (*os.File, error) {
	c := make(chan reply, 1)
	p.mu.Lock()
	if p.lost != nil {
		defer p.mu.Unlock()
		return nil, p.lost
	}
	p.next++
	f.ID = p.next
	p.pending[f.ID] = c
	p.mu.Unlock()
	p.send(f, nil) // a failure shows as the socket's end

	var r reply
	var ok bool
	select {
	case r, ok = <-c:
	case <-ctx.Done():
		p.send(&frame{Method: methodCancel, Target: f.ID}, nil)
		// The answer comes all the same, so that a result that arrived in between is not lost.
		select {
		case r, ok = <-c:
		case <-time.After(cancelGrace):
			return nil, context.Cause(ctx)
		}
	}
	if !ok {
		return nil, p.lost // set before c was closed
	}
	if r.frame.Err != nil {
		if r.file != nil {
			r.file.Close()
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, r.frame.Err.error()
	}
	if result != nil {
		if err := json.Unmarshal(r.frame.Result, result); err != nil {
			return r.file, err
		}
	}
	return r.file, nil
}

// cancelGrace is how long a cancelled request may take to answer.
const cancelGrace = 2 * time.Second

func (p *process) do(ctx context.Context, f *frame) error {
	file, err := p.call(ctx, f, nil)
	if file != nil {
		file.Close()
	}
	return err
}

func (p *process) Start(ctx context.Context) error { return p.do(ctx, &frame{Method: methodStart}) }
func (p *process) Pause(ctx context.Context) error { return p.do(ctx, &frame{Method: methodPause}) }
func (p *process) Resume(ctx context.Context) error {
	return p.do(ctx, &frame{Method: methodResume})
}

// Stop's context ends the guest's grace, not the request: by then the VMM kills.
func (p *process) Stop(ctx context.Context) error {
	err := p.do(ctx, &frame{Method: methodStop})
	if ctx.Err() != nil {
		return p.Kill()
	}
	return err
}

func (p *process) Kill() error {
	return p.do(context.Background(), &frame{Method: methodKill})
}

// Wait returns a crash where the VMM process itself is gone.
func (p *process) Wait(ctx context.Context) (hypervisor.Exit, error) {
	var exit hypervisor.Exit
	_, err := p.call(ctx, &frame{Method: methodWait}, &exit)
	select {
	case <-p.gone:
		if err != nil {
			return hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: p.lost.Error()}, nil
		}
	default:
	}
	return exit, err
}

func (p *process) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	file, err := p.call(ctx, &frame{Method: methodDial, Port: port}, nil)
	if err != nil {
		return nil, err
	}
	return connection(file)
}

// connection makes a net.Conn of a passed descriptor and closes the file.
func connection(file *os.File) (net.Conn, error) {
	if file == nil {
		return nil, errdefs.New(errdefs.ErrUnavailable, "", "the VMM process passed no connection")
	}
	defer file.Close()
	return net.FileConn(file)
}

func (p *process) Listen(port uint32) (net.Listener, error) {
	l := newListener(p, port)
	p.mu.Lock()
	if p.listeners[port] != nil {
		p.mu.Unlock()
		return nil, errdefs.New(errdefs.ErrExists, "", "port %d is taken", port)
	}
	p.listeners[port] = l
	p.mu.Unlock()
	if err := p.do(context.Background(), &frame{Method: methodListen, Port: port}); err != nil {
		p.mu.Lock()
		delete(p.listeners, port)
		p.mu.Unlock()
		return nil, err
	}
	return l, nil
}

func (p *process) Console() (io.ReadCloser, error) {
	file, err := p.call(context.Background(), &frame{Method: methodConsole}, nil)
	if err == nil && file == nil {
		err = errdefs.New(errdefs.ErrUnavailable, "", "the VMM process passed no console")
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (p *process) ConsoleInput() (io.WriteCloser, error) {
	file, err := p.call(context.Background(), &frame{Method: methodInput}, nil)
	if err == nil && file == nil {
		err = errdefs.New(errdefs.ErrUnavailable, "", "the VMM process passed no console input")
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (p *process) SetMemoryTarget(ctx context.Context, bytes uint64) error {
	return p.do(ctx, &frame{Method: methodMemory, Bytes: bytes})
}

func (p *process) Snapshot(ctx context.Context, dir string) error {
	return p.do(ctx, &frame{Method: methodSnapshot, Dir: dir})
}

func (p *process) Stats(ctx context.Context) (hypervisor.Stats, error) {
	var s hypervisor.Stats
	_, err := p.call(ctx, &frame{Method: methodStats}, &s)
	return s, err
}

// closeGrace is how long a VMM process may take to clean up after itself.
const closeGrace = 10 * time.Second

// Close closes the socket, on which the VMM process ends the VM and itself.
func (p *process) Close() error {
	p.conn.Close()
	select {
	case <-p.gone:
	case <-time.After(closeGrace):
		p.cmd.Process.Kill()
		<-p.gone
	}
	return nil
}
