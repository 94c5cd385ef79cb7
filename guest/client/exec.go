// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// ExecConfig is a process to be started in a guest.
type ExecConfig struct {
	Args []string // the program, by path or by name, and its arguments
	Env  []string // NAME=value each
	Dir  string   // "/" if empty; made if the process has a container
	User string   // NAME|UID[:GROUP|GID]; root if empty

	// Terminal gives the process a terminal of this size. Stdin is what is typed
	// then, Stdout what is shown, and Stderr is not used.
	Terminal *Size

	// Stdin is read to its end, which the process sees as end of file. A read that
	// is under way when the process ends goes on until it returns.
	Stdin io.Reader
	// Stdout and Stderr get what the process writes; they may be one and the same.
	// What has no reader or writer here is /dev/null there.
	Stdout, Stderr io.Writer

	// Container makes the process the first one of a new container.
	Container *Container
}

// Size is a terminal's size in characters.
type Size struct {
	Columns, Rows uint16
}

func (s Size) message() *agentpb.Terminal {
	return &agentpb.Terminal{Columns: uint32(s.Columns), Rows: uint32(s.Rows)}
}

// Container describes a container: its root file system, what is mounted into it
// and what its processes may do. Everything else is as Docker has it.
type Container struct {
	ID       string   // [a-zA-Z0-9_.-], at most 64 bytes
	Hostname string   // the first 12 bytes of ID if empty
	Layers   []Layer  // of the root file system, lowest first
	Hosts    []string // further lines of /etc/hosts
	// ResolvConf is the content of /etc/resolv.conf; the guest's own if empty.
	ResolvConf string
	// WritableLimit is how many bytes may be written to the root; 0 is half of the
	// guest's memory.
	WritableLimit uint64
	ReadOnly      bool
	Mounts        []Mount // a bind's source is a path of the guest

	AddCapabilities  []string // "NET_ADMIN", "CAP_NET_ADMIN", "ALL"
	DropCapabilities []string
	Privileged       bool
}

// Layer is one layer of a container's root file system.
type Layer struct {
	Source string // a block device, or a folder of the guest
	Type   string // of the device's file system; "erofs" if empty
}

func (c *Container) message() *agentpb.Container {
	if c == nil {
		return nil
	}
	m := &agentpb.Container{
		Id: c.ID, Hostname: c.Hostname, Hosts: c.Hosts, ResolvConf: []byte(c.ResolvConf),
		WritableLimit: c.WritableLimit, ReadOnly: c.ReadOnly, Privileged: c.Privileged,
		AddCapabilities: c.AddCapabilities, DropCapabilities: c.DropCapabilities,
	}
	for _, l := range c.Layers {
		m.Layers = append(m.Layers, &agentpb.Layer{Source: []byte(l.Source), Type: l.Type})
	}
	for _, mount := range c.Mounts {
		m.Mounts = append(m.Mounts, mount.message())
	}
	return m
}

// Start starts a process. Its input and output are connected before it runs, so
// that nothing of them is lost. The context is about the start alone.
func (c *Client) Start(ctx context.Context, cfg ExecConfig) (*Process, error) {
	ctx, cancel := withDefaultTimeout(ctx, callTimeout)
	defer cancel()
	p := &Process{client: c, id: newID(), done: make(chan struct{})}
	kinds := cfg.streams()
	if len(kinds) > 0 && c.dialer == nil {
		return nil, &Error{Kind: ErrInvalid, Text: "this guest has no connections for input and output"}
	}
	if err := p.dialStreams(ctx, kinds); err != nil {
		return nil, err
	}
	req := &agentpb.ExecRequest{
		Id: p.id, Args: bytesOf(cfg.Args), Env: bytesOf(cfg.Env), Cwd: []byte(cfg.Dir), User: cfg.User,
		Streams: messageStreams(kinds), Container: cfg.Container.message(),
	}
	if cfg.Terminal != nil {
		req.Terminal = cfg.Terminal.message()
	}
	resp, err := call(ctx, "exec", c.agent.Exec, req)
	if err != nil {
		p.closeStreams()
		return nil, err
	}
	p.pid = int(resp.GetPid())
	p.run(cfg)
	return p, nil
}

// streams lists the connections that the process needs.
func (cfg *ExecConfig) streams() []protocol.Stream {
	if cfg.Terminal != nil {
		if cfg.Stdin == nil && cfg.Stdout == nil {
			return nil
		}
		return []protocol.Stream{protocol.Terminal}
	}
	var kinds []protocol.Stream
	if cfg.Stdin != nil {
		kinds = append(kinds, protocol.Stdin)
	}
	if cfg.Stdout != nil {
		kinds = append(kinds, protocol.Stdout)
	}
	if cfg.Stderr != nil {
		kinds = append(kinds, protocol.Stderr)
	}
	return kinds
}

// dialStreams opens the connections, all at once.
func (p *Process) dialStreams(ctx context.Context, kinds []protocol.Stream) error {
	errs := make([]error, len(kinds))
	conns := make([]net.Conn, len(kinds))
	var dials sync.WaitGroup
	for i, kind := range kinds {
		dials.Go(func() {
			conns[i], errs[i] = dialStream(ctx, p.client.dialer, protocol.StreamHeader{ID: p.id, Stream: kind})
		})
	}
	dials.Wait()
	for i, conn := range conns {
		if conn != nil {
			p.conns[kinds[i]] = conn
		}
	}
	if err := errors.Join(errs...); err != nil {
		p.closeStreams()
		return &Error{Kind: ErrGone, Text: fmt.Sprintf("connecting a process's streams: %v", err), err: err}
	}
	return nil
}

func dialStream(ctx context.Context, d Dialer, h protocol.StreamHeader) (net.Conn, error) {
	conn, err := d.Dial(ctx, protocol.StreamPort)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	_, err = conn.Write(h.Append(nil))
	if !stop() || err != nil {
		conn.Close()
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return conn, nil
}

// newID returns a random name for a process.
func newID() uint64 {
	for {
		if id := rand.Uint64(); id != 0 {
			return id
		}
	}
}

// bytesOf gives text the form that the protocol has for it: any bytes.
func bytesOf(texts []string) [][]byte {
	out := make([][]byte, len(texts))
	for i, s := range texts {
		out[i] = []byte(s)
	}
	return out
}

func messageStreams(kinds []protocol.Stream) []agentpb.Stream {
	out := make([]agentpb.Stream, len(kinds))
	for i, k := range kinds {
		out[i] = agentpb.Stream(k)
	}
	return out
}
