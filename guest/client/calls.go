// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"errors"
	"time"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// Pong is the agent's answer to a ping.
type Pong struct {
	AgentVersion string
	SinceStart   time.Duration // of the agent, at its answer
	ClockSet     bool          // the guest's clock was off by more than a second
	Received     time.Time     // when the answer was here
}

// Ping asks for a sign of life, compares versions and has the guest's clock set to
// this host's if it is off.
func (c *Client) Ping(ctx context.Context) (Pong, error) {
	resp, err := call(ctx, "ping", c.agent.Ping, &agentpb.PingRequest{
		ProtocolVersion: protocol.Version,
		HostTime:        time.Now().UnixNano(),
	})
	if err != nil {
		return Pong{}, err
	}
	if v := resp.GetProtocolVersion(); v != protocol.Version {
		return Pong{}, versionError(v)
	}
	return Pong{
		AgentVersion: printable(resp.GetAgentVersion()),
		SinceStart:   time.Duration(resp.GetSinceStart()),
		ClockSet:     resp.GetClockSet(),
		Received:     time.Now(),
	}, nil
}

// Info describes a guest, in its own words.
type Info struct {
	KernelRelease   string
	Machine         string // "x86_64", "aarch64"
	MemoryTotal     uint64 // bytes
	MemoryAvailable uint64 // bytes
	CPUs            int
	Uptime          time.Duration // of the kernel
	SinceStart      time.Duration // of the agent
	Load            [3]float64    // over 1, 5 and 15 minutes
	Tasks           int           // processes and threads
	Steps           []Step        // of the agent's start
}

// Step is a moment of the agent's start.
type Step struct {
	Name string
	At   time.Duration // since the agent's start
}

// maxSteps bounds what a guest can have this side keep.
const maxSteps = 64

// Info asks the guest what it is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	resp, err := call(ctx, "info", c.agent.Info, &agentpb.InfoRequest{})
	if err != nil {
		return Info{}, err
	}
	info := Info{
		KernelRelease:   printable(resp.GetKernelRelease()),
		Machine:         printable(resp.GetMachine()),
		MemoryTotal:     resp.GetMemoryTotal(),
		MemoryAvailable: resp.GetMemoryAvailable(),
		CPUs:            int(resp.GetCpus()),
		Uptime:          time.Duration(resp.GetUptime()),
		SinceStart:      time.Duration(resp.GetSinceStart()),
		Tasks:           int(resp.GetTasks()),
	}
	copy(info.Load[:], resp.GetLoad())
	for _, s := range resp.GetSteps()[:min(len(resp.GetSteps()), maxSteps)] {
		info.Steps = append(info.Steps, Step{printable(s.GetName()), time.Duration(s.GetAt())})
	}
	return info, nil
}

// Mount is a file system to be mounted in the guest.
type Mount struct {
	Source  string // a device, a tag, a folder of the guest (with option "bind" or "rbind")
	Target  string // absolute; made if it is not there
	Type    string
	Options []string // as mount(8) has them
}

func (m Mount) message() *agentpb.Mount {
	return &agentpb.Mount{Source: []byte(m.Source), Target: []byte(m.Target), Type: m.Type, Options: m.Options}
}

// Mount mounts a file system in the guest, outside of any container.
func (c *Client) Mount(ctx context.Context, m Mount) error {
	_, err := call(ctx, "mount", c.agent.Mount, &agentpb.MountRequest{Mount: m.message()})
	return err
}

// Shutdown says how a guest is to end.
type Shutdown struct {
	Grace  time.Duration // between SIGTERM and SIGKILL for what still runs; 0 for no SIGTERM
	Reboot bool          // start again instead of powering off
}

// Shutdown has the guest end its processes, write back its disks and power off. When
// it returns nil the guest has done so, or its connection broke while it did; the
// VM's own end tells when all is over.
func (c *Client) Shutdown(ctx context.Context, s Shutdown) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout+s.Grace)
		defer cancel()
	}
	_, err := call(ctx, "shutdown", c.agent.Shutdown, &agentpb.ShutdownRequest{Grace: int64(s.Grace), Reboot: s.Reboot})
	if errors.Is(err, ErrGone) {
		return nil
	}
	return err
}
