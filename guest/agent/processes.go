// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/container"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/stdio"
)

const (
	// maxEnded is how many processes are remembered after their end, for hosts
	// that ask twice.
	maxEnded = 256
	// maxSignal is the last of Linux's signals.
	maxSignal = 64
)

// running is a process that the agent has started.
type running struct {
	child     *process.Child
	io        *stdio.Stdio
	container *container.Container // nil without one

	finished chan struct{} // closed once response is there
	response *rpc.WaitResponse
}

// reserve takes an id for a process that is about to be started.
func (a *Agent) reserve(id uint64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch _, taken := a.processes[id]; {
	case id == 0 || taken:
		return rpc.Errorf(rpc.InvalidArgument, "process id %x is 0 or taken", id)
	case a.closing:
		return rpc.Errorf(rpc.Aborted, "the guest is shutting down")
	}
	a.processes[id] = nil
	return nil
}

// settle puts the process in the place of its id, or frees the id if p is nil.
func (a *Agent) settle(id uint64, p *running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p == nil {
		delete(a.processes, id)
		return
	}
	a.processes[id] = p
}

// follow waits for a process's end and notes how it ended.
func (a *Agent) follow(id uint64, p *running) {
	<-p.child.Done()
	counts := p.io.Finish()
	if p.container != nil {
		p.container.Remove()
	}
	resp := &rpc.WaitResponse{StdoutBytes: counts.Stdout, StderrBytes: counts.Stderr}
	if ws := p.child.Status(); ws.Signaled() {
		resp.Signal = uint32(ws.Signal())
	} else {
		resp.Code = uint32(ws.ExitStatus())
	}
	p.response = resp
	close(p.finished)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = append(a.ended, id)
	if len(a.ended) > maxEnded {
		delete(a.processes, a.ended[0])
		a.ended = a.ended[1:]
	}
}

// process returns a process that has been started.
func (a *Agent) process(id uint64) (*running, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.processes[id]
	if p == nil {
		return nil, rpc.Errorf(rpc.NotFound, "process %x is not there", id)
	}
	return p, nil
}

// wait answers when the process has ended and its output is written.
func (a *Agent) wait(ctx context.Context, req *rpc.WaitRequest) (rpc.Response, error) {
	p, err := a.process(req.ID)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.finished:
		return p.response, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// signal sends a signal to the process.
func (a *Agent) signal(_ context.Context, req *rpc.SignalRequest) (rpc.Response, error) {
	p, err := a.process(req.ID)
	if err != nil {
		return nil, err
	}
	if req.Signal > maxSignal {
		return nil, rpc.Errorf(rpc.InvalidArgument, "signal %d does not exist", req.Signal)
	}
	err = p.child.Signal(unix.Signal(req.Signal))
	if errors.Is(err, unix.ESRCH) {
		return nil, rpc.Errorf(rpc.FailedPrecondition, "process %x has ended", req.ID)
	}
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidArgument, "%v", err)
	}
	return rpc.Empty{}, nil
}

// resize sets the size of the process's terminal.
func (a *Agent) resize(_ context.Context, req *rpc.ResizeRequest) (rpc.Response, error) {
	p, err := a.process(req.ID)
	if err != nil {
		return nil, err
	}
	if req.Size == nil || !req.Size.Fits() {
		return nil, rpc.Errorf(rpc.InvalidArgument, "terminal size %v", req.Size)
	}
	if err := p.io.Resize(uint16(req.Size.Columns), uint16(req.Size.Rows)); err != nil {
		return nil, rpc.Errorf(rpc.InvalidArgument, "%v", err)
	}
	return rpc.Empty{}, nil
}
