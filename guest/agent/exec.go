// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/account"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/stdio"
	"arcbox.dev/guest/protocol"
)

// exec starts a process.
func (a *Agent) exec(ctx context.Context, req *rpc.ExecRequest) (rpc.Response, error) {
	if err := a.prepared(ctx); err != nil {
		return nil, err
	}
	if err := a.reserve(req.ID); err != nil {
		return nil, err
	}
	p, err := a.start(ctx, req)
	a.settle(req.ID, p)
	if err != nil {
		return nil, rpc.Errorf(codeOf(err), "%v", err)
	}
	go a.follow(req.ID, p)
	if ctx.Err() != nil { // the answer comes too late: nobody would wait for the process
		p.child.Signal(unix.SIGKILL)
	}
	return &rpc.ExecResponse{PID: uint32(p.child.PID)}, nil
}

// start connects the process and starts it, in a container or without one. It
// returns nil with an error.
func (a *Agent) start(ctx context.Context, req *rpc.ExecRequest) (*running, error) {
	if err := checkRequest(req); err != nil {
		return nil, err
	}
	conns, err := a.streams.Claim(ctx, req.ID, req.Streams)
	if err != nil {
		return nil, err
	}
	p := &running{finished: make(chan struct{})}
	if p.io, err = stdio.NewPipes(conns); err != nil {
		return nil, err
	}
	if req.Container == nil {
		p.child, err = a.startPlain(req, p.io)
	} else if p.container, err = a.Host.Start(ctx, a.Reaper, req, p.io); err == nil {
		p.child = p.container.Child
	}
	if err != nil {
		p.io.Close()
		return nil, err
	}
	p.io.Started()
	return p, nil
}

func checkRequest(req *rpc.ExecRequest) error {
	if len(req.Args) == 0 {
		return process.Invalid("no command")
	}
	for _, text := range slices.Concat(req.Env, req.Args) {
		if strings.Contains(text, "\x00") {
			return process.Invalid("argument or variable %q has a byte of 0 in it", text)
		}
	}
	for i, kind := range req.Streams {
		known := kind >= protocol.Stdin && kind <= protocol.Terminal
		if !known || (kind == protocol.Terminal) != (req.Terminal != nil) || slices.Contains(req.Streams[:i], kind) {
			return process.Invalid("%v does not fit the request", kind)
		}
	}
	if req.Terminal != nil && !req.Terminal.Fits() {
		return process.Invalid("terminal size %v", *req.Terminal)
	}
	return nil
}

// startPlain starts a process in the agent's own surroundings.
func (a *Agent) startPlain(req *rpc.ExecRequest, io *stdio.Stdio) (*process.Child, error) {
	who, err := account.Find("", req.User)
	if err != nil {
		return nil, process.Invalid("user %q: %w", req.User, err)
	}
	dir := req.Cwd
	if dir == "" {
		dir = "/"
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, process.Invalid("working directory %q is not there", dir)
	}
	sys := &syscall.SysProcAttr{Setsid: true, Credential: credential(who)}
	defaults := []string{process.DefaultPath, "HOME=" + who.Home}
	if req.Terminal != nil {
		if err := openTerminal(io, req.Terminal); err != nil {
			return nil, err
		}
		sys.Setctty = true // of descriptor 0
		defaults = append(defaults, "TERM=xterm")
	}
	if err := io.Own(who.UID); err != nil {
		return nil, err
	}
	attr := &syscall.ProcAttr{Dir: dir, Env: process.Environment(req.Env, defaults...), Sys: sys}
	for _, f := range io.Files() {
		attr.Files = append(attr.Files, f.Fd())
	}
	var child *process.Child
	err = process.Exec(req.Args[0], attr.Env, func(path string) (err error) {
		if err := unix.Access(path, unix.F_OK); err != nil { // costs less than a fork
			return err
		}
		child, err = a.Reaper.Start(path, req.Args, attr)
		return err
	})
	return child, err
}

// credential is what makes a process run as somebody. An agent that is not root can
// start processes as itself alone, which takes nothing.
func credential(who account.Account) *syscall.Credential {
	if uid := os.Geteuid(); uid != 0 && int(who.UID) == uid && int(who.GID) == os.Getegid() {
		return nil
	}
	return &syscall.Credential{Uid: who.UID, Gid: who.GID, Groups: who.Groups}
}

func openTerminal(io *stdio.Stdio, size *rpc.Terminal) error {
	master, slave, err := stdio.OpenTerminal("/dev/ptmx")
	if err != nil {
		return err
	}
	io.UseTerminal(master, slave)
	return io.Resize(uint16(size.Columns), uint16(size.Rows))
}

// codeOf says what kept a process from starting, as agent.proto lists it.
func codeOf(err error) rpc.Code {
	switch process.KindOf(err) {
	case process.KindInvalid:
		return rpc.InvalidArgument
	case process.KindNotFound:
		return rpc.NotFound
	case process.KindNotExecutable:
		return rpc.PermissionDenied
	}
	return rpc.Aborted
}
