// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
)

// The descriptors of what QEMU may get besides its end of the agent's connection.
const (
	monitorFD = agentFD + 1 + iota
	memoryFD
	stateFD
)

// launchOptions say how a VM is started, but for its machine and its guest.
type launchOptions struct {
	monitored bool     // QEMU can be told what to do
	memory    *os.File // what the guest's memory is; nil for memory of QEMU's own
	shared    bool     // the guest writes into memory, else into a copy of the page
	state     *os.File // what the VM goes on from; nil to boot
}

// args are QEMU's for it. A state that is given is read when the monitor says so.
func (l launchOptions) args(size uint64) []string {
	var args []string
	if l.monitored {
		args = append(args, "-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFD), "-mon", "chardev=monitor,mode=control")
	}
	if l.memory != nil {
		share := "off"
		if l.shared {
			share = "on"
		}
		args = append(args, "-machine", "memory-backend=ram", "-object",
			fmt.Sprintf("memory-backend-file,id=ram,size=%dk,mem-path=/dev/fd/%d,share=%s", size>>10, memoryFD, share))
	}
	if l.state != nil {
		args = append(args, "-incoming", "defer")
	}
	return args
}

// launched is a QEMU that was just started.
type launched struct {
	process   *process
	agent     net.Conn // the agent's console port
	monitor   *monitor // nil if it is not monitored
	requested time.Duration
	tool      string
}

// launch starts QEMU.
func (c *common) launch(guest Guest, l launchOptions) (*launched, error) {
	out := &launched{requested: events.Now(), tool: guest.Tool}
	var files []*os.File
	if l.monitored {
		conn, theirs, err := connect("monitor")
		if err != nil {
			return nil, err
		}
		defer theirs.Close()
		out.monitor = newMonitor(conn)
		files = append(files, theirs)
	}
	if l.memory != nil {
		files = append(files, l.memory)
	}
	if l.state != nil {
		files = append(files, l.state)
	}
	var err error
	args := append(c.machine.args(c.config, guest), l.args(c.config.Memory)...)
	if out.process, out.agent, err = start(c.program, args, files...); err != nil {
		out.closeMonitor()
		return nil, err
	}
	return out, nil
}

// reach returns the VM once its agent has answered. Otherwise nothing of it is left.
func (l *launched) reach(ctx context.Context) (*vm, error) {
	ctx, release := l.process.during(ctx)
	defer release()
	agent, err := client.NewOverStream(ctx, l.agent)
	if err != nil {
		return nil, l.abandon(ctx, fmt.Errorf("connecting to the agent: %w", err))
	}
	return &vm{launched: l, client: agent, ready: events.Now()}, nil
}

// ask tells the monitor something, for as long as QEMU runs.
func (l *launched) ask(ctx context.Context, what func(context.Context, *monitor) error) error {
	ctx, release := l.process.during(ctx)
	defer release()
	if err := what(ctx, l.monitor); err != nil {
		return l.abandon(ctx, err)
	}
	return nil
}

// abandon ends QEMU after an error and returns the best explanation of it. The
// context is of during.
func (l *launched) abandon(ctx context.Context, err error) error {
	err = l.process.abandon(ctx, err)
	l.close()
	return err
}

// close ends QEMU.
func (l *launched) close() {
	l.closeMonitor()
	l.agent.Close()
	l.process.kill()
}

func (l *launched) closeMonitor() {
	if l.monitor != nil {
		l.monitor.close()
	}
}
