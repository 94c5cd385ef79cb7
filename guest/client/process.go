// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"fmt"
	"net"
	"sync"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// Process is a process in a guest. Its methods may be called from any goroutine.
type Process struct {
	client *Client
	id     uint64
	pid    int
	conns  [protocol.Terminal + 1]net.Conn // by stream

	outputs []*output

	done   chan struct{} // closed once status and err are there
	status Status
	err    error
}

// Status is how a process ended.
type Status struct {
	Code   int // the exit code; 0 if a signal ended it
	Signal int // Linux's number of the signal that ended the process, or 0
}

// ExitCode is the code with which a shell reports the status: 128 and the signal's
// number if a signal ended the process.
func (s Status) ExitCode() int {
	if s.Signal != 0 {
		return 128 + s.Signal
	}
	return s.Code
}

// PID is the process's number outside of any container.
func (p *Process) PID() int { return p.pid }

// Wait returns the status once the process has ended and all it wrote has reached
// its writers. With an error that matches ErrOutput the status is good all the same;
// ErrGone means that it will never be known. When ctx ends first the process goes on,
// and Wait can be called again.
func (p *Process) Wait(ctx context.Context) (Status, error) {
	select {
	case <-p.done:
		return p.status, p.err
	case <-ctx.Done():
		return Status{}, fmt.Errorf("waiting for process: %w", context.Cause(ctx))
	}
}

// Signal sends a signal, by Linux's number, to the process.
func (p *Process) Signal(ctx context.Context, signal int) error {
	if signal < 0 {
		return &Error{Kind: ErrInvalid, Text: fmt.Sprintf("signal %d does not exist", signal)}
	}
	_, err := call(ctx, "signal", p.client.agent.Signal, &agentpb.SignalRequest{Id: p.id, Signal: uint32(signal)})
	return err
}

// Resize sets the size of the process's terminal.
func (p *Process) Resize(ctx context.Context, columns, rows uint16) error {
	_, err := call(ctx, "resize", p.client.agent.Resize, &agentpb.ResizeRequest{Id: p.id, Size: Size{columns, rows}.message()})
	return err
}

// run moves the process's bytes and waits for its end.
func (p *Process) run(cfg ExecConfig) {
	stdin, stdout, stderr := p.conns[protocol.Stdin], p.conns[protocol.Stdout], p.conns[protocol.Stderr]
	if cfg.Terminal != nil {
		stdin = p.conns[protocol.Terminal]
		stdout = stdin
	}
	out, errOut := writers(cfg.Stdout, cfg.Stderr)
	p.outputs = []*output{newOutput(stdout, out), newOutput(stderr, errOut)}
	var copies sync.WaitGroup
	for _, o := range p.outputs {
		copies.Go(o.copy)
	}
	if stdin != nil && cfg.Stdin != nil {
		go feed(stdin, cfg.Stdin, cfg.Terminal != nil)
	}
	go func() {
		defer close(p.done)
		p.status, p.err = p.wait(&copies)
		p.closeStreams()
	}()
}

// wait asks the agent for the status, without a limit in time, and lets the output
// come to its end.
func (p *Process) wait(copies *sync.WaitGroup) (Status, error) {
	ctx := context.Background() // ends with the connection
	resp, err := p.client.agent.Wait(ctx, &agentpb.WaitRequest{Id: p.id})
	if err != nil {
		p.closeStreams()
		copies.Wait()
		return Status{}, kindOf(ctx, "wait", err)
	}
	status := Status{Code: int(resp.GetCode() & 0xff), Signal: int(resp.GetSignal() & 0x7f)}
	expected := []uint64{resp.GetStdoutBytes(), resp.GetStderrBytes()}
	for _, o := range p.outputs {
		o.drain()
	}
	copies.Wait()
	for i, o := range p.outputs {
		if err := o.check(expected[i]); err != nil {
			return status, err
		}
	}
	return status, nil
}

func (p *Process) closeStreams() {
	for _, conn := range p.conns {
		if conn != nil {
			conn.Close()
		}
	}
}
