// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package container starts processes in containers of their own.
//
// The agent starts its own program again, in new namespaces and under the name
// InitName. That process, the container's first, makes the container from inside
// (Init), becomes the user's program by execve, and tells the agent over a socket
// how far it came. All mounts are made in its own mount namespace, so that nothing
// is left of a container once its processes have ended. What Docker's documentation
// and the OCI runtime specification call defaults are the defaults here.
//
// The container's root file system is hostile: once it is the root, every path is
// resolved inside of it, and no descriptor leads out.
package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/stdio"
)

// InitName is the name (argument zero) under which the agent's program runs Init.
const InitName = "arcbox-container-init"

// maxLayers is how many layers overlayfs takes (OVL_MAX_STACK).
const maxLayers = 500

// Host is what the guest offers to containers.
type Host struct {
	Program string // the agent's own program
	Stage   string // an empty folder to build root file systems on
	Cgroups string // where the cgroup2 hierarchy is mounted; empty for no cgroups

	mu  sync.Mutex
	ids map[string]bool // of the containers that there are
}

// Container is a running container.
type Container struct {
	*process.Child
	host   *Host
	id     string
	cgroup string // empty without one
}

// Start makes a container and its first process. The terminal that req may ask for
// becomes a part of streams.
func (h *Host) Start(ctx context.Context, r *process.Reaper, req *rpc.ExecRequest, streams *stdio.Stdio) (*Container, error) {
	if err := check(req.Container); err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	defer theirs.Close()
	c, err := h.reserve(req.Container.ID)
	if err != nil {
		return nil, err
	}
	c.Child, err = h.fork(r, c.cgroup, append(streams.Files(), theirs))
	theirs.Close()
	if err != nil {
		c.Remove()
		return nil, fmt.Errorf("starting container init: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		ours.SetDeadline(deadline)
	}
	cancel := context.AfterFunc(ctx, func() { ours.SetDeadline(time.Unix(1, 0)) })
	defer cancel()
	master, err := converse(ours, req.Encoded)
	if err != nil {
		if master != nil {
			master.Close()
		}
		c.Signal(unix.SIGKILL)
		<-c.Done()
		c.Remove()
		return nil, err
	}
	if master != nil {
		streams.UseTerminal(master, nil)
	}
	return c, nil
}

// reserve takes an id and makes its cgroup.
func (h *Host) reserve(id string) (*Container, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[id] {
		return nil, process.Invalid("container %s exists", id)
	}
	c := &Container{host: h, id: id}
	if h.Cgroups != "" {
		c.cgroup = h.Cgroups + "/" + id
		if err := unix.Mkdir(c.cgroup, 0o755); err != nil {
			return nil, fmt.Errorf("making cgroup %s: %w", c.cgroup, err)
		}
	}
	if h.ids == nil {
		h.ids = make(map[string]bool)
	}
	h.ids[id] = true
	return c, nil
}

// Remove removes what is left when the container's processes have ended.
func (c *Container) Remove() {
	if c.cgroup != "" {
		unix.Rmdir(c.cgroup)
	}
	c.host.mu.Lock()
	defer c.host.mu.Unlock()
	delete(c.host.ids, c.id)
}

func check(c *rpc.Container) error {
	switch n := len(c.Layers); {
	case !validID(c.ID):
		return process.Invalid("container id %q is not of the form [a-zA-Z0-9][a-zA-Z0-9_.-]*, or longer than 64 bytes", c.ID)
	case n == 0:
		return process.Invalid("container %s has no layers", c.ID)
	case n > maxLayers:
		return process.Invalid("container %s has %d layers; overlayfs takes %d", c.ID, n, maxLayers)
	}
	return nil
}

// validID reports whether id can name a folder.
func validID(id string) bool {
	for i, b := range []byte(id) {
		alphanumeric := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !alphanumeric && (i == 0 || b != '_' && b != '.' && b != '-') {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64
}

// fork starts Init. Its descriptors are 0, 1, 2 and, for the conversation, 3.
func (h *Host) fork(r *process.Reaper, cgroup string, files []*os.File) (*process.Child, error) {
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = f.Fd()
	}
	return r.Start(h.Program, []string{InitName, h.Stage, cgroup}, &syscall.ProcAttr{
		Dir:   "/",
		Files: fds,
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		},
	})
}

func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making container socket: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "container")
	file := os.NewFile(uintptr(fds[0]), "container")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		theirs.Close()
		return nil, nil, fmt.Errorf("making container socket: %w", err)
	}
	ours, ok := conn.(*net.UnixConn)
	if !ok {
		theirs.Close()
		conn.Close()
		return nil, nil, errors.New("making container socket: not a unix socket")
	}
	return ours, theirs, nil
}
